/** What all attention kernels mean, and the sizes that they are tried on. */
import type { AttentionOptions, AttentionScalars } from './form.ts'

/** Every (batch, head) in turn as slices, in float64; the meaning of all attention kernels. */
export const eachHead = (
  s: AttentionScalars,
  { causal = false }: AttentionOptions,
  lengths: Float64Array | undefined,
  body: (head: {
    readonly q: (i: number, d: number) => number
    readonly kv: (j: number, d: number) => number
    readonly row: (i: number) => number
    readonly sees: (i: number, j: number) => boolean
  }) => void
): void => {
  for (let b = 0; b < s.batch; b++) {
    for (let h = 0; h < s.heads; h++) {
      const kvHead = Math.floor(h / (s.heads / s.kvHeads))
      const length = lengths === undefined ? s.keys : lengths[b]!
      body({
        q: (i, d) => ((b * s.queries + i) * s.heads + h) * s.dim + d,
        kv: (j, d) => ((b * s.keys + j) * s.kvHeads + kvHead) * s.dim + d,
        row: i => (b * s.queries + i) * s.heads + h,
        sees: (i, j) => j < length && (!causal || j <= i + s.keys - s.queries)
      })
    }
  }
}

export function* attentionCases(): Iterable<{ scalars: AttentionScalars; options: AttentionOptions }> {
  const of = (
    [batch, queries, keys, heads, kvHeads, dim]: readonly [number, number, number, number, number, number],
    options: AttentionOptions
  ) => ({ scalars: { batch, queries, keys, heads, kvHeads, dim, scale: 1 / Math.sqrt(dim) }, options })
  // One form for each number of vec4s that a lane owns, not all of both options: Mesa compiles each for a second.
  yield of([1, 1, 1, 1, 1, 4], { causal: true, lengths: true })
  yield of([2, 37, 40, 4, 2, 16], { causal: true, lengths: true })
  yield of([2, 33, 33, 2, 1, 36], {})
  yield of([1, 19, 70, 2, 1, 64], {})
  yield of([2, 21, 35, 2, 1, 80], {})
  yield of([1, 9, 37, 2, 2, 128], {})
  yield of([1, 17, 40, 2, 1, 256], { causal: true })
}
