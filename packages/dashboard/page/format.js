/** How figures are written for people. `null` is "not known yet" and shows as a dash. */

export const UNKNOWN = '–'

const whole = new Intl.NumberFormat('en')

/** @param {number | string | null} value a number, or money as decimal text */
export const formatWhole = value =>
  value === null ? UNKNOWN : whole.format(typeof value === 'string' ? BigInt(value) : Math.round(value))

/** Three digits that mean something. @param {number | null} value */
export const formatShort = value => {
  if (value === null) return UNKNOWN
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1000) return whole.format(Math.round(value))
  return size < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(3)))
}

/** @param {number | null} value from 0 to 1 */
export const formatPercent = value => (value === null ? UNKNOWN : `${(100 * value).toFixed(1)} %`)

/** @param {number | null} ms */
export const formatMs = ms => {
  if (ms === null) return UNKNOWN
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${formatShort(ms)} ms`
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** @param {number | null} bytes */
export const formatBytes = bytes => {
  if (bytes === null) return UNKNOWN
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** @param {number} seconds */
export const formatDuration = seconds => {
  const s = Math.floor(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

/** Enough of a key or digest to tell it from others by eye. @param {string} hex */
export const formatId = hex => `${hex.slice(0, 8)}…`
