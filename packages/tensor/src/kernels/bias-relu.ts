import type { Kernel } from '../kernel.ts'
import { eachBiased } from './elementwise.ts'

type S = { readonly count: number; readonly columns: number }
type O = { readonly relu?: boolean }
type V = Required<O> & { readonly wide: boolean }

/** out (rows, columns) ← x + bias, each column its own; with `relu`, negative values become 0. count = rows · columns. */
export const biasRelu: Kernel<S, O, V> = {
  id: 'bias-relu/1',
  scalars: { count: 'u32', columns: 'u32' },
  arrays: ({ count, columns }) => ({
    x: { type: 'f32', access: 'read', length: count },
    bias: { type: 'f32', access: 'read', length: columns },
    out: { type: 'f32', access: 'update', length: count }
  }),
  variant: ({ columns }, { relu = false }) => ({ relu, wide: columns % 4 === 0 }),
  wgsl({ relu, wide }) {
    const sum = 'x[i] + bias[column]'
    const body = `out[i] = ${relu ? `max(${sum}, ${wide ? 'vec4f()' : '0.0'})` : sum};`
    return eachBiased(wide, ['x', 'bias', 'out'], true, body, '')
  },
  grid: (scalars, { wide }) => eachBiased.grid(scalars, wide),
  reference({ x, bias, out }, { count, columns }, { relu = false }) {
    for (let i = 0; i < count; i++) {
      const sum = x![i]! + bias![i % columns]!
      out![i] = relu ? Math.max(sum, 0) : sum
    }
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases() {
    for (const [rows, columns] of [
      [1, 1],
      [3, 7],
      [64, 256],
      [131, 13]
    ] as const) {
      yield { scalars: { count: rows * columns, columns }, options: { relu: true } }
      yield { scalars: { count: rows * columns, columns } }
    }
  }
}
