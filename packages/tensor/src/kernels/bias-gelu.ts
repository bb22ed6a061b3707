import type { Kernel } from '../kernel.ts'
import { eachBiased } from './elementwise.ts'
import { GELU_ARRAYS, geluOf, geluSlopeOf, geluText } from './gelu-rule.ts'

type S = { readonly count: number; readonly columns: number }
export type GeluOptions = {
  /** x Φ(x) through erf; else the usual tanh form of it. */
  readonly exact?: boolean
  /** Without `bias`, x alone. */
  readonly bias?: boolean
}
type V = Required<GeluOptions> & { readonly wide: boolean }

const variant = ({ columns }: S, { exact = false, bias = false }: GeluOptions): V => ({
  exact,
  bias,
  wide: !bias || columns % 4 === 0
})

function* cases() {
  for (const [rows, columns] of [
    [1, 1],
    [3, 7],
    [64, 256],
    [131, 13]
  ] as const) {
    const scalars = { count: rows * columns, columns }
    yield { scalars, options: { bias: true } }
    yield { scalars, options: { bias: true, exact: true } }
    yield { scalars, options: {} }
  }
}

/** out (rows, columns) ← gelu(x + bias), each column its own bias. count = rows · columns. */
export const biasGelu: Kernel<S, GeluOptions, V> = {
  id: 'bias-gelu/1',
  scalars: { count: 'u32', columns: 'u32' },
  arrays: (scalars, options) => ({
    ...GELU_ARRAYS(scalars, options),
    out: { type: 'f32', access: 'update', length: scalars.count }
  }),
  variant,
  wgsl: v =>
    eachBiased(
      v.wide,
      ['x', 'bias', 'out'],
      v.bias,
      `out[i] = gelu(${v.bias ? 'x[i] + bias[column]' : 'x[i]'});`,
      geluText(v)
    ),
  grid: (scalars, v) => eachBiased.grid(scalars, v.wide),
  reference({ x, bias, out }, { count, columns }, { exact = false }) {
    for (let i = 0; i < count; i++) out![i] = geluOf(x![i]! + (bias?.[i % columns] ?? 0), exact)
  },
  tolerance: { rtol: 2e-6, atol: 1e-6 },
  cases
}

/** out ← gradient · gelu'(x + bias). The bias' own gradient is `columnSum` of out. */
export const biasGeluBackward: Kernel<S, GeluOptions, V> = {
  id: 'bias-gelu-backward/1',
  scalars: { count: 'u32', columns: 'u32' },
  arrays: (scalars, options) => ({
    gradient: { type: 'f32', access: 'read', length: scalars.count },
    ...GELU_ARRAYS(scalars, options),
    out: { type: 'f32', access: 'update', length: scalars.count }
  }),
  variant,
  wgsl: v =>
    eachBiased(
      v.wide,
      ['gradient', 'x', 'bias', 'out'],
      v.bias,
      `out[i] = gradient[i] * geluSlope(${v.bias ? 'x[i] + bias[column]' : 'x[i]'});`,
      geluText(v)
    ),
  grid: (scalars, v) => eachBiased.grid(scalars, v.wide),
  reference({ gradient, x, bias, out }, { count, columns }, { exact = false }) {
    for (let i = 0; i < count; i++) {
      out![i] = gradient![i]! * geluSlopeOf(x![i]! + (bias?.[i % columns] ?? 0), exact)
    }
  },
  tolerance: { rtol: 2e-6, atol: 2e-6 },
  cases
}
