/**
 * The backward kernels against central differences of the forward references in float64: the gradient
 * of a two-layer net's mean cross-entropy, by every weight of a small net and some of a larger one.
 */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { columnSum, matmulNN, matmulNT, matmulTN, reluBackward, softmaxCrossEntropy } from '../src/index.ts'
import type { Device } from '../src/runtime/device.ts'
import { onEachAdapter } from './support/devices.ts'

type Net = {
  readonly batch: number
  readonly inputs: number
  readonly hidden: number
  readonly classes: number
}
type Weights = {
  readonly w1: Float64Array
  readonly b1: Float64Array
  readonly w2: Float64Array
  readonly b2: Float64Array
}

/** Mean loss in float64, by the references of the kernels under test. */
const lossOf = (net: Net, x: Float64Array, labels: Float64Array, weights: Weights): number => {
  const { batch, inputs, hidden, classes } = net
  const h = new Float64Array(batch * hidden)
  const z = new Float64Array(batch * classes)
  const loss = new Float64Array(batch)
  const first = { m: batch, n: hidden, k: inputs }
  const second = { m: batch, n: classes, k: hidden }
  matmulNT.reference({ a: x, b: weights.w1, out: h, bias: weights.b1 }, first, { bias: true, relu: true })
  matmulNT.reference({ a: h, b: weights.w2, out: z, bias: weights.b2 }, second, { bias: true })
  softmaxCrossEntropy.reference({ logits: z, labels, loss }, { rows: batch, columns: classes, scale: 1 }, {})
  return loss.reduce((a, b) => a + b) / batch
}

/** The same net's gradients on the device; the ReLU gate once fused, once as its own kernel. */
const gradientsOf = async (
  device: Device,
  net: Net,
  x: Float64Array,
  labels: Float64Array,
  weights: Weights,
  fused: boolean
) => {
  const { batch, inputs, hidden, classes } = net
  const up = (values: Float64Array) => device.upload(Float32Array.from(values))
  const zeros = (n: number) => device.tensor('f32', n)
  const [a, w1, b1, w2, b2] = [x, weights.w1, weights.b1, weights.w2, weights.b2].map(up)
  const marks = device.upload(Uint32Array.from(labels))
  const [h, dh, z, dz, loss] = [batch * hidden, batch * hidden, batch * classes, batch * classes, batch].map(
    zeros
  )
  const [dw1, db1, dw2, db2] = [hidden * inputs, hidden, classes * hidden, classes].map(zeros)
  device.submit(step => {
    const first = { m: batch, n: hidden, k: inputs }
    const second = { m: batch, n: classes, k: hidden }
    const cross = { rows: batch, columns: classes, scale: 1 / batch }
    step.run(matmulNT, { a: a!, b: w1!, out: h!, bias: b1! }, first, { bias: true, relu: true })
    step.run(matmulNT, { a: h!, b: w2!, out: z!, bias: b2! }, second, { bias: true })
    step.run(softmaxCrossEntropy, { logits: z!, labels: marks, loss: loss!, gradient: dz! }, cross, {
      gradient: true
    })
    step.run(matmulTN, { a: dz!, b: h!, out: dw2! }, { m: classes, n: hidden, k: batch })
    step.run(columnSum, { x: dz!, out: db2! }, { rows: batch, columns: classes })
    const back = { m: batch, n: hidden, k: classes }
    if (fused) {
      step.run(matmulNN, { a: dz!, b: w2!, out: dh!, gate: h! }, back, { gate: true })
    } else {
      const open = zeros(batch * hidden)
      step.run(matmulNN, { a: dz!, b: w2!, out: open }, back)
      step.run(reluBackward, { gradient: open, activation: h!, out: dh! }, { count: batch * hidden })
    }
    step.run(matmulTN, { a: dh!, b: a!, out: dw1! }, { m: hidden, n: inputs, k: batch })
    step.run(columnSum, { x: dh!, out: db1! }, { rows: batch, columns: hidden })
  })
  const [g1, c1, g2, c2] = await device.read([dw1!, db1!, dw2!, db2!])
  return { w1: g1, b1: c1, w2: g2, b2: c2 }
}

const NETS: readonly Net[] = [
  { batch: 1, inputs: 1, hidden: 1, classes: 2 },
  { batch: 5, inputs: 7, hidden: 11, classes: 3 },
  { batch: 33, inputs: 40, hidden: 36, classes: 10 }
]
const SAMPLES = 12
const STEP = 1e-5

onEachAdapter(t, async (t, device) => {
  for (const net of NETS) {
    const prng = new Prng(JSON.stringify(net))
    const values = (n: number) => Float64Array.from({ length: n }, () => prng.below(2 ** 16) / 2 ** 15 - 1)
    const { batch, inputs, hidden, classes } = net
    const x = values(batch * inputs)
    const labels = Float64Array.from({ length: batch }, () => prng.below(classes))
    const weights = {
      w1: values(hidden * inputs),
      b1: values(hidden),
      w2: values(classes * hidden),
      b2: values(classes)
    }
    for (const fused of [true, false]) {
      const gradients = await gradientsOf(device, net, x, labels, weights, fused)
      for (const name of ['w1', 'b1', 'w2', 'b2'] as const) {
        const theirs = weights[name]
        const worst = Array.from({ length: SAMPLES }, () => {
          const i = prng.below(theirs.length)
          const at = (move: number) =>
            lossOf(net, x, labels, { ...weights, [name]: theirs.with(i, theirs[i]! + move) })
          return Math.abs((at(STEP) - at(-STEP)) / (2 * STEP) - gradients[name][i]!)
        }).reduce((a, b) => Math.max(a, b))
        t.ok(
          worst < 1e-5,
          `${name} of ${JSON.stringify(net)}, gate ${fused ? 'fused' : 'apart'}: off by ${worst}`
        )
      }
    }
  }
})
