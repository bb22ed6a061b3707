import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number }

/** out[i] ← a[i] + b[i]: a residual, both ways. */
export const add: Kernel<S> = {
  id: 'add/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    a: { type: 'f32', access: 'read', length: count },
    b: { type: 'f32', access: 'read', length: count },
    out: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(['a', 'b', 'out'], 'out[i] = a[i] + b[i];'),
  reference({ a, b, out }, { count }) {
    for (let i = 0; i < count; i++) out![i] = Math.fround(a![i]! + b![i]!)
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 6, 1021, 40_003]) yield { scalars: { count } }
  }
}
