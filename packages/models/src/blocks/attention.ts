/** Attention in tiles with its way back, rotary positions, and the cache of keys and values. */
import {
  type AttentionOptions,
  type AttentionScalars,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionDelta,
  attention as attentionKernel,
  gatherRows,
  rotary as rotaryKernel,
  rotaryTable,
  scatterRows
} from '@gradmesh/tensor'
import type { Numbers, Tape, Value } from '../tape.ts'

export interface Heads {
  readonly q: Value
  readonly k: Value
  readonly v: Value
}

/**
 * softmax(scale · q kᵀ) v by head: q (batch, queries, heads, dim), k and v (batch, keys, kvHeads, dim);
 * fewer kvHeads than heads is grouped-query attention. `lengths` u32 (batch) masks keys past each
 * sequence's end. Memory is linear in the length.
 */
export const attention = (
  t: Tape,
  { q, k, v }: Heads,
  scalars: AttentionScalars,
  {
    causal = false,
    lengths,
    now
  }: {
    readonly causal?: boolean
    readonly lengths?: Value | undefined
    readonly now?: (numbers: Numbers) => Partial<AttentionScalars>
  }
): Value => {
  const options: AttentionOptions = { causal, lengths: lengths !== undefined }
  const out = t.value(q.length, 'attention')
  const rows = scalars.batch * scalars.queries * scalars.heads
  const lse = t.value(rows, 'lse')
  t.run(attentionKernel, { q, k, v, lengths, out, lse }, scalars, {
    options,
    ...(now && { now: now as never })
  })
  t.back(out, [q, k, v], g => {
    const delta = t.value(rows, 'delta')
    t.run(attentionDelta, { gradient: g, out, delta }, { rows, columns: scalars.dim })
    const given = { q, k, v, lengths, gradient: g, lse, delta }
    t.give(q, to => t.run(attentionBackwardQ, { ...given, dq: to }, scalars, { options }))
    if (!k.wantsGradient && !v.wantsGradient) return
    const [dk, dv] = [t.value(k.length, 'gradient of keys'), t.value(v.length, 'gradient of values')]
    t.run(attentionBackwardKV, { ...given, dk, dv }, scalars, { options })
    t.pass(k, dk)
    t.pass(v, dv)
  })
  return out
}

export interface Turns {
  readonly cos: Value
  readonly sin: Value
}

/**
 * cos and sin (length, dim / 2). With `positions` u32 (length) those of these positions, else of 0 … length − 1.
 */
export const turns = (
  t: Tape,
  {
    dim,
    base,
    length,
    positionsMax
  }: {
    readonly dim: number
    readonly base: number
    readonly length: number
    readonly positionsMax: number
  },
  positions?: Value
): Turns => {
  const width = dim / 2
  const count = positions === undefined ? length : positionsMax
  const table = (which: 'cos' | 'sin') =>
    t.constant(`${which} ${count} ${dim} ${base}`, () => rotaryTable(count, dim, base)[which])
  if (positions === undefined) return { cos: table('cos'), sin: table('sin') }
  const at = (which: 'cos' | 'sin'): Value => {
    const out = t.value(length * width, which)
    const source = table(which)
    t.run(gatherRows, { source, index: positions, out }, { rows: length, width, sourceRows: positionsMax })
    return out
  }
  return { cos: at('cos'), sin: at('sin') }
}

/** x (tokens, heads, dim) turned by position (Su et al., RoFormer, 2021); tokens = batch · period. */
export const rotary = (
  t: Tape,
  x: Value,
  { cos, sin }: Turns,
  scalars: { readonly tokens: number; readonly heads: number; readonly dim: number; readonly period: number }
): Value => {
  const out = t.value(x.length, 'rotary')
  t.run(rotaryKernel, { x, cos, sin, out }, scalars)
  t.back(out, [x], g =>
    t.give(x, to => t.run(rotaryKernel, { x: g, cos, sin, out: to }, scalars, { options: { inverse: true } }))
  )
  return out
}

/**
 * Writes the rows of x (positions, width) to their places in the variable `name` (positionsMax, width), which
 * must be zero there, and gives the variable.
 */
export const cached = (
  t: Tape,
  name: string,
  x: Value,
  { positions, positionsMax }: { readonly positions: Value; readonly positionsMax: number }
): Value => {
  const rows = positions.length
  const width = x.length / rows
  const cache = t.variable(name, positionsMax * width)
  t.run(
    scatterRows,
    { gradient: x, index: positions, ...t.links(positions), out: cache },
    { rows, width, targetRows: positionsMax }
  )
  return cache
}
