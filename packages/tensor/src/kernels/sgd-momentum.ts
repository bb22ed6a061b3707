import type { Kernel } from '../kernel.ts'
import { eachVec4 } from './elementwise.ts'

type S = {
  readonly count: number
  readonly rate: number
  readonly momentum: number
  /** Decoupled: w shrinks by rate · decay. */
  readonly decay: number
  /** 1 looks ahead (Nesterov), 0 does not. */
  readonly ahead: number
}

/** velocity ← momentum · velocity + g; w ← (1 − rate · decay) w − rate · (velocity, or g + momentum · velocity). */
export const sgdMomentum: Kernel<S> = {
  id: 'sgd-momentum/1',
  scalars: { count: 'u32', rate: 'f32', momentum: 'f32', decay: 'f32', ahead: 'f32' },
  arrays: ({ count }) => ({
    g: { type: 'f32', access: 'read', length: count },
    w: { type: 'f32', access: 'update', length: count },
    velocity: { type: 'f32', access: 'update', length: count }
  }),
  ...eachVec4(
    ['g', 'w', 'velocity'],
    `let v = scalars.momentum * velocity[i] + g[i];
  velocity[i] = v;
  let stride = v + scalars.ahead * (g[i] + scalars.momentum * v - v);
  w[i] = (1.0 - scalars.rate * scalars.decay) * w[i] - scalars.rate * stride;`
  ),
  reference({ g, w, velocity }, { count, rate, momentum, decay, ahead }) {
    for (let i = 0; i < count; i++) {
      const v = momentum * velocity![i]! + g![i]!
      velocity![i] = v
      w![i] = (1 - rate * decay) * w![i]! - rate * (ahead === 1 ? g![i]! + momentum * v : v)
    }
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  *cases() {
    for (const count of [1, 7, 5003]) {
      for (const ahead of [0, 1]) yield { scalars: { count, rate: 0.1, momentum: 0.9, decay: 0.01, ahead } }
    }
  }
}
