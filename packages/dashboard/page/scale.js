/** Axes: round numbers that cover the data. */

/**
 * About `count` round values from at most `low` to at least `high`; 1, 2 or 5 times a power of ten apart.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]}
 */
export const ticks = (low, high, count) => {
  const span = high > low ? high - low : Math.abs(high) || 1
  const rough = span / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find(factor => factor * power >= rough) ?? 10) * power
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/**
 * Where the point nearest to `x` stands in `points`, which ascend in x; -1 when there is none.
 * @param {readonly { readonly x: number }[]} points
 * @param {number} x
 */
export const nearest = (points, x) => {
  let low = 0
  let high = points.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((points[middle]?.x ?? 0) < x) low = middle + 1
    else high = middle
  }
  const before = points[low - 1]
  const after = points[low]
  return before !== undefined && after !== undefined && x - before.x <= after.x - x
    ? low - 1
    : low < points.length
      ? low
      : -1
}
