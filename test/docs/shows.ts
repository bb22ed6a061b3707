/** Whether an output is the one that a page shows. */

/** Columns are as wide as their widest entry, which varies. */
const squeezed = (line: string): string => line.trim().replace(/\s+/g, ' ')

const patternOf = (line: string): RegExp =>
  new RegExp(
    `^${squeezed(line)
      .split('…')
      .map(part => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'))
      .join('.*?')}$`
  )

/** The first shown line that the output lacks at its place, or null. Other lines may stand between. */
export const missingIn = (output: string, shows: readonly string[]): string | null => {
  const said = output.split('\n').map(squeezed)
  let at = 0
  for (const line of shows.filter(each => each.trim() !== '')) {
    const pattern = patternOf(line)
    const found = said.findIndex((each, i) => i >= at && pattern.test(each))
    if (found === -1) return line
    at = found + 1
  }
  return null
}
