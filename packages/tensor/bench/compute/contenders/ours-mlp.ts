/** One training step of the digits model, the minibatch taken from resident data, as `train` records it. */
import {
  adamwScalars,
  columnSumAdamw,
  type Device,
  gatherRows,
  matmulNN,
  matmulNT,
  matmulTNAdamw,
  type Recording,
  softmaxCrossEntropy
} from '../../../src/index.ts'
import { MLP, values, type Work } from './serve.ts'

const { batch, inputs, hidden, classes, samples, steps } = MLP

export const mlpStep = (device: Device): Work => {
  const zeros = (n: number) => device.tensor('f32', n)
  const layer = (outputs: number, width: number) => ({
    w: device.upload(values(outputs * width, 2).map(value => value / 20)),
    b: zeros(outputs),
    wMoments: { first: zeros(outputs * width), second: zeros(outputs * width) },
    bMoments: { first: zeros(outputs), second: zeros(outputs) }
  })
  const source = device.upload(values(samples * inputs, 1))
  const [one, two] = [layer(hidden, inputs), layer(classes, hidden)]
  const [x, h, dh] = [zeros(batch * inputs), zeros(batch * hidden), zeros(batch * hidden)]
  const [z, dz, loss] = [zeros(batch * classes), zeros(batch * classes), zeros(batch)]
  const index = device.tensor('u32', batch)
  const labels = device.tensor('u32', batch)
  let number = 0
  const record = (step: Recording): void => {
    const rule = adamwScalars({ rate: 1e-3, step: ++number })
    const first = { m: batch, n: hidden, k: inputs }
    const second = { m: batch, n: classes, k: hidden }
    const cross = { rows: batch, columns: classes, scale: 1 / batch }
    step.run(gatherRows, { source, index, out: x }, { rows: batch, width: inputs, sourceRows: samples })
    step.run(matmulNT, { a: x, b: one.w, out: h, bias: one.b }, first, { bias: true, relu: true })
    step.run(matmulNT, { a: h, b: two.w, out: z, bias: two.b }, second, { bias: true })
    step.run(softmaxCrossEntropy, { logits: z, labels, loss, gradient: dz }, cross, {
      gradient: true,
      accumulate: true
    })
    const back = { m: batch, n: hidden, k: classes }
    step.run(matmulNN, { a: dz, b: two.w, out: dh, gate: h }, back, { gate: true })
    const w2 = { m: classes, n: hidden, k: batch, ...rule }
    step.run(matmulTNAdamw, { a: dz, b: h, w: two.w, ...two.wMoments }, w2)
    step.run(columnSumAdamw, { x: dz, w: two.b, ...two.bMoments }, { rows: batch, columns: classes, ...rule })
    const w1 = { m: hidden, n: inputs, k: batch, ...rule }
    step.run(matmulTNAdamw, { a: dh, b: x, w: one.w, ...one.wMoments }, w1)
    step.run(columnSumAdamw, { x: dh, w: one.b, ...one.bMoments }, { rows: batch, columns: hidden, ...rule })
  }
  const rows = Uint32Array.from({ length: batch }, (_, i) => (i * 31) % samples)
  const classesOf = Uint32Array.from({ length: batch }, (_, i) => i % classes)
  return {
    repeats: steps,
    run: () => {
      for (let i = 0; i < steps; i++) {
        device.write(index, rows)
        device.write(labels, classesOf)
        device.submit(record)
      }
      return device.idle()
    }
  }
}
