/** Precision, recall and F1 from counts, and their averages over classes. */

export interface Counts {
  /** Predicted and right. */
  readonly correct: number
  readonly predicted: number
  /** How many there truly are: the support. */
  readonly actual: number
}

export interface Scores {
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly support: number
}

export interface ClassScores {
  /** By class, in the order of their names. */
  readonly classes: Readonly<Record<string, Scores>>
  /** Over all counts together. */
  readonly micro: Scores
  /** The mean of the classes, each counting the same. */
  readonly macro: Scores
  /** The mean of the classes, each by its support. */
  readonly weighted: Scores
}

/** Shares in 0..1; 0 where nothing was predicted or nothing is there, as CoNLL's script has it. */
export const scoresOf = ({ correct, predicted, actual }: Counts): Scores => {
  const precision = share(correct, predicted)
  const recall = share(correct, actual)
  return { precision, recall, f1: share(2 * precision * recall, precision + recall), support: actual }
}

export const classScores = (counts: ReadonlyMap<string, Counts>): ClassScores => {
  const named = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  const each = named.map(([, count]) => scoresOf(count))
  const total = (pick: (count: Counts) => number): number =>
    named.reduce((sum, [, count]) => sum + pick(count), 0)
  const support = total(({ actual }) => actual)
  return {
    classes: Object.fromEntries(named.map(([name], i) => [name, each[i]!])),
    micro: scoresOf({
      correct: total(({ correct }) => correct),
      predicted: total(({ predicted }) => predicted),
      actual: support
    }),
    macro: mean(each, () => 1, support),
    weighted: mean(each, scores => scores.support, support)
  }
}

const mean = (each: readonly Scores[], weightOf: (scores: Scores) => number, support: number): Scores => {
  const total = each.reduce((sum, scores) => sum + weightOf(scores), 0)
  const of = (pick: (scores: Scores) => number): number =>
    share(
      each.reduce((sum, scores) => sum + weightOf(scores) * pick(scores), 0),
      total
    )
  return {
    precision: of(({ precision }) => precision),
    recall: of(({ recall }) => recall),
    f1: of(({ f1 }) => f1),
    support
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
