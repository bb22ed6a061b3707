/** The little Markdown that generated pages need. */

export const MADE = 'This file is made by `node test/tidy/reference.ts`.'

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows.map(row => row.map(cell))]
    .map(row => `| ${row.join(' | ')} |`)
    .join('\n')

export const code = (text: string): string => (text === '' ? '' : `\`${text}\``)

export const page = (...parts: readonly string[]): string => `${parts.join('\n\n')}\n`
