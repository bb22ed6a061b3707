import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number }

/** out[i] ← gradient[i] where activation[i] > 0, else 0: ReLU's gradient, from its output. */
export const reluBackward: Kernel<S> = {
  id: 'relu-backward/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    gradient: { type: 'f32', access: 'read', length: count },
    activation: { type: 'f32', access: 'read', length: count },
    out: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(
    ['gradient', 'activation', 'out'],
    'out[i] = select(vec4f(), gradient[i], activation[i] > vec4f());'
  ),
  reference({ gradient, activation, out }, { count }) {
    for (let i = 0; i < count; i++) out![i] = activation![i]! > 0 ? gradient![i]! : 0
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 2, 509, 16_385]) yield { scalars: { count } }
  }
}
