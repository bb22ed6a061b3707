/** Reports as people read them: a class a line, then the averages. */
import type { ClassReport } from './classes.ts'
import type { ClassScores, Scores } from './scores.ts'

const DIGITS = 4
/** A wider confusion does not fit a terminal. */
const CONFUSION_MAX = 16

export const scoreTable = ({ classes, micro, macro, weighted }: ClassScores): string =>
  table([
    ['', 'precision', 'recall', 'f1', 'support'],
    ...Object.entries(classes).map(([name, scores]) => row(name, scores)),
    [],
    row('micro average', micro),
    row('macro average', macro),
    row('weighted average', weighted)
  ])

/** Rows are what is there, columns what was predicted; an empty text where there are too many classes. */
export const confusionTable = ({ labels, confusion }: ClassReport): string =>
  labels.length > CONFUSION_MAX
    ? ''
    : table([['', ...labels], ...confusion.map((counts, i) => [labels[i]!, ...counts.map(String)])])

const row = (name: string, { precision, recall, f1, support }: Scores): string[] => [
  name,
  ...[precision, recall, f1].map(share => share.toFixed(DIGITS)),
  String(support)
]

/** Names to the left, figures to the right; an empty row stays one. */
const table = (rows: readonly (readonly string[])[]): string => {
  const columns = Math.max(...rows.map(cells => cells.length))
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map(cells => cells[i]?.length ?? 0))
  )
  return rows
    .map(cells =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}
