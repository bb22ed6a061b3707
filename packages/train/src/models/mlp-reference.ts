/**
 * What the trainer of `mlp.ts` means, in float64 and plain loops. Tests hold the GPU to it; it is slow
 * and never a fall-back.
 */

import { accuracyReport } from '../report.ts'
import type { Labelled, LabelledData, Report, Trainer } from '../types.ts'
import { INNER_DEFAULT, type InnerOptimiser } from './inner.ts'
import { checkData, checkRows, checkSteps, checkWeights, type MlpShape, mlpOffsets } from './mlp-shape.ts'

/** Throws `TRAIN_DATA` for data that do not fit the shape. */
export const mlpReference = (
  shape: MlpShape,
  data: Labelled,
  inner: InnerOptimiser = INNER_DEFAULT
): Trainer => {
  checkData(shape, data.train)
  checkData(shape, data.heldOut)
  const at = mlpOffsets(shape)
  const base = new Float64Array(at.total)
  const local = new Float64Array(at.total)
  const first = new Float64Array(at.total)
  const second = new Float64Array(at.total)
  let steps = 0
  let lossSum = 0

  const isMatrix = (i: number): boolean => i < at.bias0 || (i >= at.weight1 && i < at.bias1)

  return {
    load(weights) {
      checkWeights(shape, weights)
      base.set(weights)
      local.set(weights)
      first.fill(0)
      second.fill(0)
      steps = 0
      lossSum = 0
    },
    async step(rows, rate) {
      checkRows(data.train, rows)
      const { loss, gradient } = mlpGradient(shape, local, data.train, rows)
      steps++
      lossSum += loss
      for (let i = 0; i < at.total; i++) {
        const g = gradient[i]!
        first[i] = inner.beta1 * first[i]! + (1 - inner.beta1) * g
        second[i] = inner.beta2 * second[i]! + (1 - inner.beta2) * g * g
        const mean = first[i]! / (1 - inner.beta1 ** steps)
        const square = second[i]! / (1 - inner.beta2 ** steps)
        const shrink = isMatrix(i) ? 1 - rate * inner.weightDecay : 1
        local[i] = shrink * local[i]! - (rate * mean) / (Math.sqrt(square) + inner.epsilon)
      }
    },
    async finish() {
      checkSteps(steps)
      return { difference: Float32Array.from(base, (value, i) => value - local[i]!), loss: lossSum / steps }
    },
    async evaluate(weights) {
      checkWeights(shape, weights)
      return evaluate(shape, Float64Array.from(weights), data.heldOut)
    },
    async close() {}
  }
}

/** The mean loss over the rows, and its gradient by every weight, flat as the weights are. */
export const mlpGradient = (
  shape: MlpShape,
  weights: Float64Array,
  data: LabelledData,
  rows: Uint32Array
): { readonly loss: number; readonly gradient: Float64Array } => {
  const { inputs, hidden, outputs } = shape
  const at = mlpOffsets(shape)
  const gradient = new Float64Array(at.total)
  let loss = 0
  for (const row of rows) {
    const x = data.inputs.subarray(row * inputs, (row + 1) * inputs)
    // Most of a digit is black: entries that are zero add nothing, so the loops visit the others alone.
    const lit = Array.from(x.keys()).filter(i => x[i] !== 0)
    const { activation, logits } = forward(shape, weights, x, lit)
    const { value, slope } = crossEntropy(logits, data.labels[row]!)
    loss += value / rows.length
    const activationSlope = new Float64Array(hidden)
    for (let o = 0; o < outputs; o++) {
      const d = slope[o]! / rows.length
      gradient[at.bias1 + o]! += d
      for (let h = 0; h < hidden; h++) {
        gradient[at.weight1 + o * hidden + h]! += d * activation[h]!
        activationSlope[h]! += d * weights[at.weight1 + o * hidden + h]!
      }
    }
    for (let h = 0; h < hidden; h++) {
      if (activation[h]! <= 0) continue
      const d = activationSlope[h]!
      gradient[at.bias0 + h]! += d
      for (const i of lit) gradient[h * inputs + i]! += d * x[i]!
    }
  }
  return { loss, gradient }
}

const forward = (
  { inputs, hidden, outputs }: MlpShape,
  weights: Float64Array,
  x: Float32Array,
  lit: readonly number[]
): { readonly activation: Float64Array; readonly logits: Float64Array } => {
  const at = mlpOffsets({ inputs, hidden, outputs })
  const activation = new Float64Array(hidden)
  for (let h = 0; h < hidden; h++) {
    let sum = weights[at.bias0 + h]!
    for (const i of lit) sum += weights[h * inputs + i]! * x[i]!
    activation[h] = Math.max(0, sum)
  }
  const logits = new Float64Array(outputs)
  for (let o = 0; o < outputs; o++) {
    let sum = weights[at.bias1 + o]!
    for (let h = 0; h < hidden; h++) sum += weights[at.weight1 + o * hidden + h]! * activation[h]!
    logits[o] = sum
  }
  return { activation, logits }
}

/** -log softmax(logits)[label], and its slope by each logit. */
const crossEntropy = (
  logits: Float64Array,
  label: number
): { readonly value: number; readonly slope: Float64Array } => {
  const top = logits.reduce((a, b) => Math.max(a, b))
  const shares = logits.map(logit => Math.exp(logit - top))
  const sum = shares.reduce((a, b) => a + b)
  return {
    value: Math.log(sum) - (logits[label]! - top),
    slope: shares.map((share, o) => share / sum - (o === label ? 1 : 0))
  }
}

const evaluate = (shape: MlpShape, weights: Float64Array, data: LabelledData): Report => {
  let loss = 0
  let correct = 0
  for (let row = 0; row < data.count; row++) {
    const x = data.inputs.subarray(row * shape.inputs, (row + 1) * shape.inputs)
    const lit = Array.from(x.keys()).filter(i => x[i] !== 0)
    const { logits } = forward(shape, weights, x, lit)
    const label = data.labels[row]!
    loss += crossEntropy(logits, label).value / data.count
    if (logits.indexOf(logits.reduce((a, b) => Math.max(a, b))) === label) correct++
  }
  return accuracyReport({ loss, score: correct / data.count, samples: data.count })
}
