import type { Kernel } from '../kernel.ts'
import { anyInt32, SATURATED, saturate } from './compress-rule.ts'
import { eachVec4 } from './elementwise.ts'

const accumulateForm = eachVec4(
  ['error', 'pseudo'],
  `let e = error[i];
  let rate = i32(scalars.decayQ8);
  error[i] = addSaturated((e >> vec4u(8u)) * rate + (((e & vec4i(255)) * rate) >> vec4u(8u)), pseudo[i]);`
)

/** error[i] ← floor(decayQ8 · error[i] / 256) + pseudo[i], saturating; decayQ8 is in 0..256. */
export const accumulateError: Kernel<{ readonly count: number; readonly decayQ8: number }> = {
  id: 'accumulate-error/1',
  scalars: { count: 'u32', decayQ8: 'u32' },
  arrays: ({ count }) => ({
    pseudo: { type: 'i32', access: 'read', length: count, fill: anyInt32 },
    error: { type: 'i32', access: 'update', length: count, fill: anyInt32 }
  }),
  ...accumulateForm,
  wgsl() {
    const { code, ...rest } = accumulateForm.wgsl()
    return { ...rest, code: SATURATED + code }
  },
  reference({ pseudo, error }, { count, decayQ8 }) {
    for (let i = 0; i < count; i++)
      error![i] = saturate(Math.floor((decayQ8 * error![i]!) / 256) + pseudo![i]!)
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const count of [1, 7, 5003]) {
      for (const decayQ8 of [0, 243, 256]) yield { scalars: { count, decayQ8 } }
    }
  }
}
