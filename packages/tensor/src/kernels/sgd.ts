import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number; readonly rate: number }

/** w[i] ← w[i] − rate · g[i]. */
export const sgd: Kernel<S> = {
  id: 'sgd/1',
  scalars: { count: 'u32', rate: 'f32' },
  arrays: ({ count }) => ({
    g: { type: 'f32', access: 'read', length: count },
    w: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(['g', 'w'], 'w[i] -= scalars.rate * g[i];'),
  reference({ g, w }, { count, rate }) {
    for (let i = 0; i < count; i++) w![i]! -= rate * g![i]!
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases() {
    for (const count of [1, 2, 1009, 70_001]) yield { scalars: { count, rate: 0.125 } }
  }
}
