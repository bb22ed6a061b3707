import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number; readonly scale: number; readonly add: number }

/** y[i] ← scale · x[i] + add · y[i]. */
export const scaleAdd: Kernel<S> = {
  id: 'scale-add/1',
  scalars: { count: 'u32', scale: 'f32', add: 'f32' },
  arrays: ({ count }) => ({
    x: { type: 'f32', access: 'read', length: count },
    y: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(['x', 'y'], 'y[i] = scalars.scale * x[i] + scalars.add * y[i];'),
  reference({ x, y }, { count, scale, add }) {
    for (let i = 0; i < count; i++) y![i] = scale * x![i]! + add * y![i]!
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases(prng) {
    for (const count of [1, 3, 4, 257, 1021, 70_001]) {
      yield { scalars: { count, scale: prng.below(64) / 32 - 1, add: prng.below(64) / 32 - 1 } }
    }
  }
}
