import type { Kernel } from '../kernel.ts'
import { PHILOX_TEXT, philox } from '../random.ts'
import { eachVec4 } from './elementwise.ts'

export type DropoutScalars = {
  readonly seedLow: number
  readonly seedHigh: number
  readonly step: number
  /** Tells apart the places of one step that drop out. */
  readonly stream: number
  /** Words below it are dropped: rate · 2^32. */
  readonly threshold: number
  /** 1 / (1 − rate) */
  readonly scale: number
}
type S = DropoutScalars & { readonly count: number }

export interface DropoutOptions {
  /** 0 <= rate < 1. */
  readonly rate: number
  /** An integer in 0..2^53. */
  readonly seed: number
  readonly step: number
  readonly stream?: number
}

/** The scalars of `dropout` beside `count`. */
export const dropoutScalars = ({ rate, seed, step, stream = 0 }: DropoutOptions): DropoutScalars => ({
  seedLow: seed >>> 0,
  seedHigh: Math.floor(seed / 2 ** 32),
  step,
  stream,
  threshold: Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32)),
  scale: 1 / (1 - rate)
})

/** Whether element `i` is kept: philox of (i >> 2, stream, step, 0), word i & 3. */
export const keeps = (s: DropoutScalars, i: number): boolean =>
  philox([i >>> 2, s.stream, s.step, 0], [s.seedLow, s.seedHigh])[i & 3]! >= s.threshold

const form = eachVec4(
  ['x', 'out'],
  `let words = philox(vec4u(i, scalars.stream, scalars.step, 0u), vec2u(scalars.seedLow, scalars.seedHigh));
  out[i] = select(vec4f(), scalars.scale * x[i], words >= vec4u(scalars.threshold));`
)

/**
 * out[i] ← scale · x[i] where `keeps(i)`, else 0. The mask follows from (seed, stream, step, i) alone,
 * so it is stored nowhere: the backward pass is this kernel on the gradient.
 */
export const dropout: Kernel<S> = {
  id: 'dropout/1',
  scalars: {
    count: 'u32',
    seedLow: 'u32',
    seedHigh: 'u32',
    step: 'u32',
    stream: 'u32',
    threshold: 'u32',
    scale: 'f32'
  },
  arrays: ({ count }) => ({
    x: { type: 'f32', access: 'read', length: count },
    out: { type: 'f32', access: 'update', length: count }
  }),
  ...form,
  wgsl() {
    const { code, ...rest } = form.wgsl()
    return { ...rest, code: PHILOX_TEXT + code }
  },
  reference({ x, out }, { count, ...scalars }) {
    for (let i = 0; i < count; i++) out![i] = keeps(scalars, i) ? Math.fround(scalars.scale * x![i]!) : 0
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases(prng) {
    for (const [count, rate] of [
      [1, 0],
      [10, 0.5],
      [4099, 0.1]
    ] as const) {
      const seed = prng.u32() * 2 ** 20 + prng.below(2 ** 20)
      yield { scalars: { count, ...dropoutScalars({ rate, seed, step: prng.below(1000), stream: 3 }) } }
    }
  }
}
