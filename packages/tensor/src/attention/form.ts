/** One attention: its sizes, what it may see, and the form in which a machine computes it. */
import { MeshError } from '@gradmesh/core'
import type { Machine } from '../kernel.ts'

export type AttentionScalars = {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  /** Query heads heads / kvHeads share one head of keys and values. */
  readonly kvHeads: number
  /** Of a head; a multiple of 4. */
  readonly dim: number
  /** 1 / √dim as a rule. */
  readonly scale: number
}
export type AttentionOptions = {
  /** Query i sees keys up to i + keys − queries. */
  readonly causal?: boolean
  /** The array `lengths` u32 (batch) says how many keys are real. */
  readonly lengths?: boolean
}
export interface AttentionForm {
  readonly lanes: number
  readonly rows: number
  readonly memory: boolean
  /** Vec4s of a head that a lane owns. */
  readonly groups: number
  /** Columns that one turn of `accumulate` adds: 1 or 2. */
  readonly turn: number
  /** Vec4s of a head where workgroup memory must hold it, else 0: one pipeline for many sizes. */
  readonly width: number
  readonly causal: boolean
  readonly lengths: boolean
}

export const ATTENTION_SCALARS = {
  batch: 'u32',
  queries: 'u32',
  keys: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  dim: 'u32',
  scale: 'f32'
} as const

const LANES_MEMORY = 32
const LANES_MAX = 32
/** Vec4s of sums that a lane may hold: with more, Mesa compiles for over a second. Wider heads get fewer rows. */
const HELD_MAX = 160
/** Vec4s of a head of which workgroup memory, 16 KiB on any adapter, holds two tiles of 8 rows. */
const MEMORY_WIDTH = 32

const rowsOf = (lanes: number, groups: number, sums: number): number =>
  Math.max(4, Math.min(lanes <= 8 ? 16 : 8, 2 * Math.floor(HELD_MAX / (2 * groups * sums))))

/** `sums`: how many (rows, dim) sums a tile holds. */
export const attentionForm = (
  { dim }: AttentionScalars,
  { causal = false, lengths = false }: AttentionOptions,
  { subgroupSize }: Machine,
  sums = 1
): AttentionForm => {
  const usable = subgroupSize >= 4 && subgroupSize <= LANES_MAX
  const lanes = usable ? subgroupSize : LANES_MEMORY
  const width = dim / 4
  const groups = Math.ceil(width / lanes)
  return {
    lanes,
    rows: usable ? rowsOf(lanes, groups, sums) : width > MEMORY_WIDTH ? 4 : 8,
    memory: !usable,
    groups,
    turn: groups <= 2 ? 2 : 1,
    width: usable ? 0 : width,
    causal,
    lengths
  }
}

/** Throws GPU_SHAPE for what no form can do. */
export const checkAttention = (s: AttentionScalars, { causal = false }: AttentionOptions): void => {
  const fault =
    s.dim % 4 !== 0 || s.dim > 256
      ? 'dim must be a multiple of 4, at most 256'
      : s.heads % s.kvHeads !== 0
        ? 'heads must be a multiple of kvHeads'
        : causal && s.keys < s.queries
          ? 'causal attention needs at least as many keys as queries'
          : undefined
  if (fault !== undefined) throw new MeshError('GPU_SHAPE', `attention: ${fault}`, { data: { ...s } })
}
