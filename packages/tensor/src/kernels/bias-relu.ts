import type { Kernel } from '../kernel.ts'
import { eachElement } from './elementwise.ts'

type S = { readonly count: number; readonly columns: number }
type O = { readonly relu?: boolean }

const forms = {
  false: eachElement('out[i] = x[i] + bias[i % scalars.columns];'),
  true: eachElement('out[i] = max(x[i] + bias[i % scalars.columns], 0.0);')
}

/** out (rows, columns) ← x + bias, each column its own; with `relu`, negative values become 0. count = rows · columns. */
export const biasRelu: Kernel<S, O, { relu: boolean }> = {
  id: 'bias-relu/1',
  scalars: { count: 'u32', columns: 'u32' },
  arrays: ({ count, columns }) => ({
    x: { type: 'f32', access: 'read', length: count },
    bias: { type: 'f32', access: 'read', length: columns },
    out: { type: 'f32', access: 'update', length: count }
  }),
  variant: (_, { relu = false }) => ({ relu }),
  wgsl: ({ relu }) => forms[`${relu}`].wgsl(),
  grid: forms.true.grid,
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
