import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number; readonly value: number }

/** y[i] ← value. */
export const fill: Kernel<S> = {
  id: 'fill/1',
  scalars: { count: 'u32', value: 'f32' },
  arrays: ({ count }) => ({ y: { type: 'f32', access: 'update', length: count } }),
  ...eachVec4(['y'], 'y[i] = vec4f(scalars.value);'),
  reference({ y }, { count, value }) {
    y!.fill(value, 0, count)
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 5, 263, 20_011]) yield { scalars: { count, value: 0.75 } }
  }
}
