import { MeshError } from '@gradmesh/core'
import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = {
  readonly tokens: number
  readonly heads: number
  /** Of a head; even. */
  readonly dim: number
  /** Tokens of one sequence: token t stands at position t mod `period`. */
  readonly period: number
}
type O = {
  /** Turn back: the gradient of the turn. */
  readonly inverse?: boolean
}
const LANES = 64

/** cos and sin (positions, dim / 2) of position · base^(−2i / dim), from float64 (Su et al., RoFormer, 2021). */
export const rotaryTable = (
  positions: number,
  dim: number,
  base = 10_000
): { readonly cos: Float32Array; readonly sin: Float32Array } => {
  const half = dim / 2
  const angle = (_: unknown, i: number) => Math.floor(i / half) * base ** (-(i % half) / half)
  const angles = Array.from({ length: positions * half }, angle)
  return { cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) }
}

/**
 * out (tokens, heads, dim) ← x with the pair (i, i + dim / 2) of each head turned by the angle of the
 * token's position, from `rotaryTable` with at least `period` positions.
 */
export const rotary: Kernel<S, O, { readonly inverse: boolean }> = {
  id: 'rotary/1',
  scalars: { tokens: 'u32', heads: 'u32', dim: 'u32', period: 'u32' },
  arrays({ tokens, heads, dim, period }) {
    if (dim % 2 !== 0)
      throw new MeshError('GPU_SHAPE', `rotary: dim must be even, not ${dim}`, { data: { dim } })
    const length = tokens * heads * dim
    return {
      x: { type: 'f32', access: 'read', length },
      cos: { type: 'f32', access: 'read', length: (period * dim) / 2 },
      sin: { type: 'f32', access: 'read', length: (period * dim) / 2 },
      out: { type: 'f32', access: 'update', length }
    }
  },
  variant: (_, { inverse = false }) => ({ inverse }),
  wgsl: ({ inverse }) => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * ${LANES}u;
  let half = scalars.dim / 2u;
  let head = index / half;
  if (head >= scalars.tokens * scalars.heads) { return; }
  let i = index % half;
  let turn = head / scalars.heads % scalars.period * half + i;
  let a = x[head * scalars.dim + i];
  let b = x[head * scalars.dim + half + i];
  let s = ${inverse ? '-' : ''}sin[turn];
  out[head * scalars.dim + i] = a * cos[turn] - b * s;
  out[head * scalars.dim + half + i] = b * cos[turn] + a * s;
}`
  }),
  grid: ({ tokens, heads, dim }) => ceilDiv((tokens * heads * dim) / 2, LANES),
  reference({ x, cos, sin, out }, { tokens, heads, dim, period }, { inverse = false }) {
    const half = dim / 2
    for (let head = 0; head < tokens * heads; head++) {
      for (let i = 0; i < half; i++) {
        const turn = (Math.floor(head / heads) % period) * half + i
        const [a, b] = [x![head * dim + i]!, x![head * dim + half + i]!]
        const s = inverse ? -sin![turn]! : sin![turn]!
        out![head * dim + i] = a * cos![turn]! - b * s
        out![head * dim + half + i] = b * cos![turn]! + a * s
      }
    }
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases() {
    for (const [tokens, heads, dim, period] of [
      [1, 1, 2, 1],
      [14, 3, 10, 7],
      [64, 8, 64, 64]
    ] as const) {
      yield { scalars: { tokens, heads, dim, period }, options: {} }
      yield { scalars: { tokens, heads, dim, period }, options: { inverse: true } }
    }
  }
}
