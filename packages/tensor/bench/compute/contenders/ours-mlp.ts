/** One training step of the digits model, the minibatch taken from resident data, as `train` records it. */
import {
  adamwScalars,
  crossEntropyHead,
  type Device,
  denseAdamw,
  gatherRows,
  matmulNT,
  type Recording
} from '../../../src/index.ts'
import { MLP, values, type Work } from './serve.ts'

const { batch, inputs, hidden, classes, samples, steps } = MLP

export const mlpStep = (device: Device): Work => {
  const zeros = (n: number) => device.tensor('f32', n)
  const layer = (outputs: number, width: number) => ({
    w: device.upload(values(outputs * width, 2).map(value => value / 20)),
    first: zeros(outputs * width),
    second: zeros(outputs * width),
    bias: zeros(outputs),
    biasFirst: zeros(outputs),
    biasSecond: zeros(outputs)
  })
  const source = device.upload(values(samples * inputs, 1))
  const [one, two] = [layer(hidden, inputs), layer(classes, hidden)]
  const [x, h, dh] = [zeros(batch * inputs), zeros(batch * hidden), zeros(batch * hidden)]
  const [dz, loss] = [zeros(batch * classes), zeros(batch)]
  const index = device.tensor('u32', batch)
  const labels = device.tensor('u32', batch)
  let number = 0
  const record = (step: Recording): void => {
    const rule = { ...adamwScalars({ rate: 1e-3, step: ++number }), biasShrink: 1 }
    const first = { m: batch, n: hidden, k: inputs }
    step.run(gatherRows, { source, index, out: x }, { rows: batch, width: inputs, sourceRows: samples })
    step.run(matmulNT, { a: x, b: one.w, out: h, bias: one.bias }, first, { bias: true, relu: true })
    step.run(
      crossEntropyHead,
      { x: h, w: two.w, bias: two.bias, labels, loss, gradient: dz, back: dh },
      { rows: batch, inputs: hidden, outputs: classes, scale: 1 / batch },
      { accumulate: true }
    )
    step.run(denseAdamw, { a: dz, b: h, ...two }, { m: classes, n: hidden, k: batch, ...rule })
    step.run(denseAdamw, { a: dh, b: x, ...one }, { m: hidden, n: inputs, k: batch, ...rule })
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
