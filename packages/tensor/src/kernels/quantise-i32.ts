import type { Kernel } from '../kernel.ts'
import { saturate } from './compress-rule.ts'
import { eachElement } from './elementwise.ts'

const quantiseForm = eachElement(`let bits = bitcast<u32>(x[i]);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    atomicAdd(&notFinite[0], 1u);
    out[i] = 0;
    return;
  }
  let scaled = abs(x[i]) * 4294967296.0;
  let whole = floor(scaled);
  let nearest = whole + select(0.0, 1.0, scaled - whole >= 0.5);
  let sign = select(1, -1, x[i] < 0.0);
  if (nearest >= 2147483648.0) {
    out[i] = select(0x7fffffff, -0x7fffffff - 1, sign < 0);
  } else {
    out[i] = sign * i32(nearest);
  }`)

/**
 * out[i] i32 ← x[i] in units of 2^-32, nearest, halves away from zero, saturating; NaN and infinities
 * are 0 and add to notFinite[0].
 */
export const quantiseI32: Kernel<{ readonly count: number }> = {
  id: 'quantise-i32/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    x: {
      type: 'f32',
      access: 'read',
      length: count,
      fill: (prng, i) =>
        i % 97 === 5
          ? [NaN, Infinity, -1, 0.5, -0.5][prng.below(5)]!
          : (prng.below(2 ** 24) - 2 ** 23) * 2 ** -prng.below(60)
    },
    out: { type: 'i32', access: 'update', length: count },
    notFinite: { type: 'u32', access: 'update', length: 1, fill: () => 3 }
  }),
  ...quantiseForm,
  wgsl: () => ({ ...quantiseForm.wgsl(), atomic: ['notFinite'] }),
  reference({ x, out, notFinite }, { count }) {
    for (let i = 0; i < count; i++) {
      const scaled = x![i]! * 2 ** 32
      if (!Number.isFinite(scaled)) notFinite![0]!++
      out![i] = Number.isFinite(scaled) ? saturate(Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5)) : 0
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 7, 5003]) yield { scalars: { count } }
  }
}
