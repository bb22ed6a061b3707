/** Figures for people. Unknown is a dash, never zero. */
export const count = (value: number | bigint | string | null): string =>
  value === null
    ? '-'
    : (typeof value === 'string'
        ? BigInt(value)
        : typeof value === 'number'
          ? Math.round(value)
          : value
      ).toLocaleString('en-US')

export const percent = (share: number | null, digits = 2): string =>
  share === null ? '-' : `${(100 * share).toFixed(digits)} %`

export const milliseconds = (value: number | null): string =>
  value === null ? '-' : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export const bytes = (value: number | null): string => {
  if (value === null) return '-'
  const step = value < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10))
  return step === 0 ? `${value} B` : `${(value / 1024 ** step).toFixed(1)} ${UNITS[step]}`
}

export const seconds = (value: number): string =>
  value < 120 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`

/** Keys and digests by their first letters. */
export const shortKey = (hex: string): string => hex.slice(0, 12)

/** Rows under a header, columns padded; numbers to the right. */
export const table = (header: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map(row => (row[i] ?? '').length)))
  const numeric = header.map(
    (_, i) => rows.length > 0 && rows.every(row => /^[-\d.,]+( ?[a-zA-Z%]+)?$/.test(row[i] ?? ''))
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [header, ...rows].map(line).join('\n')
}

/** Names beside values. */
export const pairs = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}
