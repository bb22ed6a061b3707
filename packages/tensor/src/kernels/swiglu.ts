import type { Kernel } from '../kernel.ts'
import { mathText } from '../math.ts'
import { eachVec4 } from './elementwise.ts'

type S = { readonly count: number }
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const COUNTS = [1, 7, 1019, 30_001]

const withSigmoid = (wide: readonly string[], body: string) => {
  const form = eachVec4(wide, body)
  return {
    ...form,
    wgsl() {
      const { code, ...rest } = form.wgsl()
      return { ...rest, code: mathText(['sigmoid'], [4]) + code }
    }
  }
}

/** out ← gate · sigmoid(gate) · up (Shazeer, 2020). */
export const swiglu: Kernel<S> = {
  id: 'swiglu/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    gate: { type: 'f32', access: 'read', length: count },
    up: { type: 'f32', access: 'read', length: count },
    out: { type: 'f32', access: 'update', length: count }
  }),
  ...withSigmoid(['gate', 'up', 'out'], 'let g = gate[i]; out[i] = g * sigmoid4(g) * up[i];'),
  reference({ gate, up, out }, { count }) {
    for (let i = 0; i < count; i++) out![i] = gate![i]! * sigmoid(gate![i]!) * up![i]!
  },
  tolerance: { rtol: 2e-6, atol: 1e-7 },
  *cases() {
    for (const count of COUNTS) yield { scalars: { count } }
  }
}

/** Its gradients: dGate ← gradient · up · (s + gate s (1 − s)), dUp ← gradient · gate · s, s = sigmoid(gate). */
export const swigluBackward: Kernel<S> = {
  id: 'swiglu-backward/1',
  scalars: { count: 'u32' },
  arrays: ({ count }) => ({
    gradient: { type: 'f32', access: 'read', length: count },
    gate: { type: 'f32', access: 'read', length: count },
    up: { type: 'f32', access: 'read', length: count },
    dGate: { type: 'f32', access: 'update', length: count },
    dUp: { type: 'f32', access: 'update', length: count }
  }),
  ...withSigmoid(
    ['gradient', 'gate', 'up', 'dGate', 'dUp'],
    `let g = gate[i];
  let d = gradient[i];
  let s = sigmoid4(g);
  dGate[i] = d * up[i] * (s + g * s * (1.0 - s));
  dUp[i] = d * (g * s);`
  ),
  reference({ gradient, gate, up, dGate, dUp }, { count }) {
    for (let i = 0; i < count; i++) {
      const s = sigmoid(gate![i]!)
      dGate![i] = gradient![i]! * up![i]! * (s + gate![i]! * s * (1 - s))
      dUp![i] = gradient![i]! * gate![i]! * s
    }
  },
  tolerance: { rtol: 2e-6, atol: 1e-6 },
  *cases() {
    for (const count of COUNTS) yield { scalars: { count } }
  }
}
