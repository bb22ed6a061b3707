import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number }

/** out[i] ← gradient[i] · (1 − y[i]²): tanh's gradient, from its result y. */
export const tanhBackward: Kernel<S> = {
  id: 'tanh-backward/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    gradient: { type: 'f32', access: 'read', length: count },
    y: { type: 'f32', access: 'read', length: count },
    out: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(['gradient', 'y', 'out'], 'out[i] = gradient[i] * (1.0 - y[i] * y[i]);'),
  reference({ gradient, y, out }, { count }) {
    for (let i = 0; i < count; i++) out![i] = gradient![i]! * (1 - y![i]! ** 2)
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
  *cases() {
    for (const count of [1, 6, 1021]) yield { scalars: { count } }
  }
}
