/** What happens element by element. */
import {
  add as addKernel,
  biasGelu,
  biasGeluBackward,
  biasRelu,
  dropout as dropoutKernel,
  dropoutScalars,
  reluBackward,
  swigluBackward,
  swiglu as swigluKernel,
  tanhBackward,
  unary
} from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

export type Activation = 'gelu' | 'gelu_new' | 'relu' | 'tanh'

/** `gelu` is x Φ(x), `gelu_new` its tanh form, whose slope the product after it takes along. */
export const activate = (t: Tape, x: Value, activation: Activation): Value => {
  const count = x.length
  const out = t.value(count, activation)
  const forward: Readonly<Record<Activation, () => void>> = {
    gelu: () => t.run(biasGelu, { x, out }, { count, columns: count }, { options: { exact: true } }),
    gelu_new: () => t.run(biasGelu, { x, out }, { count, columns: count }),
    relu: () => {
      const bias = t.constant('zero', () => new Float32Array(1))
      t.run(biasRelu, { x, bias, out }, { count, columns: 1 }, { options: { relu: true } })
    },
    tanh: () => t.run(unary, { x, out }, { count }, { options: { f: 'tanh' } })
  }
  const back: Readonly<Record<Activation, (gradient: Value, to: Value) => void>> = {
    gelu: (gradient, to) =>
      t.run(
        biasGeluBackward,
        { gradient, x, out: to },
        { count, columns: count },
        { options: { exact: true } }
      ),
    gelu_new: (gradient, to) => t.run(biasGeluBackward, { gradient, x, out: to }, { count, columns: count }),
    relu: (gradient, to) => t.run(reluBackward, { gradient, activation: out, out: to }, { count }),
    tanh: (gradient, to) => t.run(tanhBackward, { gradient, y: out, out: to }, { count })
  }
  forward[activation]()
  if (activation === 'gelu_new') out.gelu = x
  t.back(out, [x], g => t.give(x, to => back[activation](g, to)))
  return out
}

/** gate · sigmoid(gate) · up (Shazeer, 2020). */
export const swiglu = (t: Tape, gate: Value, up: Value): Value => {
  const count = gate.length
  const out = t.value(count, 'swiglu')
  t.run(swigluKernel, { gate, up, out }, { count })
  t.back(out, [gate, up], g => {
    const [dGate, dUp] = [t.value(count, 'gradient of gate'), t.value(count, 'gradient of up')]
    t.run(swigluBackward, { gradient: g, gate, up, dGate, dUp }, { count })
    t.pass(gate, dGate)
    t.pass(up, dUp)
  })
  return out
}

/** a + b, of one length. */
export const add = (t: Tape, a: Value, b: Value): Value => {
  const out = t.value(a.length, 'sum')
  t.run(addKernel, { a, b, out }, { count: a.length })
  t.back(out, [a, b], g => {
    t.pass(a, g)
    t.pass(b, g)
  })
  return out
}

/** Nothing unless the tape trains. The mask follows from the seed, the number `step` and the place, and is stored nowhere. */
export const dropout = (t: Tape, x: Value, rate: number): Value => {
  if (rate === 0 || !t.training) return x
  const stream = t.stream()
  const count = x.length
  const scalarsAt = (step: number) => ({ count, ...dropoutScalars({ rate, seed: t.seed, step, stream }) })
  const now = { now: ({ step = 0 }: Readonly<Record<string, number>>) => scalarsAt(step) }
  const out = t.value(count, 'dropout')
  t.run(dropoutKernel, { x, out }, scalarsAt(0), now)
  t.back(out, [x], g => t.give(x, to => t.run(dropoutKernel, { x: g, out: to }, scalarsAt(0), now)))
  return out
}
