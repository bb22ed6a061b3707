/** What the attention kernels read and write. */
import type { ArraySpec } from '../kernel.ts'
import type { AttentionOptions, AttentionScalars } from './form.ts'

const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
export const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })
export const queryLength = (s: AttentionScalars): number => s.batch * s.queries * s.heads * s.dim
export const keyLength = (s: AttentionScalars): number => s.batch * s.keys * s.kvHeads * s.dim
export const rowsLength = (s: AttentionScalars): number => s.batch * s.queries * s.heads

/** q (batch, queries, heads, dim), k and v (batch, keys, kvHeads, dim), lengths (batch). */
export const inputs = (
  s: AttentionScalars,
  { lengths = false }: AttentionOptions
): Record<string, ArraySpec> => ({
  q: read(queryLength(s)),
  k: read(keyLength(s)),
  v: read(keyLength(s)),
  ...(lengths && {
    lengths: { type: 'u32', access: 'read', length: s.batch, fill: prng => prng.below(s.keys + 1) } as const
  })
})

/** What the forward pass leaves for the way back, as inputs. */
export const forwarded = (s: AttentionScalars): Record<string, ArraySpec> => ({
  gradient: read(queryLength(s)),
  lse: { ...read(rowsLength(s)), fill: prng => 3 + prng.below(1024) / 1024 },
  delta: read(rowsLength(s))
})
