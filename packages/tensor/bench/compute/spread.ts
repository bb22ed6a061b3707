export interface Spread {
  readonly median: number
  readonly best: number
  readonly worst: number
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!

export const spreadOf = (times: readonly number[]): Spread => ({
  median: median(times),
  best: Math.min(...times),
  worst: Math.max(...times)
})
