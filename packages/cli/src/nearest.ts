/** What somebody may have meant who typed a word that there is not. */

/** A word that is more wrong than this is another word. */
const EDITS_MAX = 2

/** Undefined where nothing is near: more than two letters, or more than a third of them, are wrong. */
export const nearest = (word: string, names: readonly string[]): string | undefined => {
  const begun = names.find(name => word.length >= 3 && name.startsWith(word))
  const [best] = names
    .map(name => ({ name, edits: editsBetween(word, name) }))
    .filter(({ name, edits }) => edits <= Math.min(EDITS_MAX, Math.ceil(name.length / 3)))
    .sort((a, b) => a.edits - b.edits)
  return best?.name ?? begun
}

/** Letters to put in, take out, replace or swap with their neighbour (optimal string alignment). */
const editsBetween = (a: string, b: string): number => {
  const rows: number[][] = []
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [i]
    for (let j = 1; j <= b.length; j++) {
      if (i === 0) {
        row[j] = j
        continue
      }
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(change, rows[i - 1]![j]! + 1, row[j - 1]! + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
    }
    rows.push(row)
  }
  return rows.at(-1)!.at(-1)!
}
