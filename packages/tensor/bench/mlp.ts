/**
 * Steps a second of the digits model: 784-256-10, batch 64, forward, loss, backward, AdamW, one submit
 * a step. Throttled and plain waiting are interleaved; only figures of one run may be compared.
 *
 *     node packages/tensor/bench/mlp.ts [rounds]
 */
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import {
  adamwScalars,
  columnSumAdamw,
  gatherRows,
  matmulNN,
  matmulNT,
  matmulTNAdamw,
  openDevice,
  type Recording,
  softmaxCrossEntropy
} from '../src/index.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const rounds = Number(positionals[0] ?? 9)
const STEPS = 20

const BATCH = 64
const INPUTS = 784
const HIDDEN = 256
const CLASSES = 10
const SAMPLES = 8000

const prng = new Prng('bench/mlp')
const values = (n: number, bound: number) =>
  Float32Array.from({ length: n }, () => (prng.below(2 ** 24) / 2 ** 23 - 1) * bound)
const below = (n: number, bound: number) => Uint32Array.from({ length: n }, () => prng.below(bound))

const build = async (throttle: boolean) => {
  const device = await openDevice({ throttle })
  const zeros = (n: number) => device.tensor('f32', n)
  const layer = (outputs: number, inputs: number) => ({
    w: device.upload(values(outputs * inputs, 0.05)),
    b: zeros(outputs),
    wMoments: { first: zeros(outputs * inputs), second: zeros(outputs * inputs) },
    bMoments: { first: zeros(outputs), second: zeros(outputs) }
  })
  const source = device.upload(values(SAMPLES * INPUTS, 1))
  const [one, two] = [layer(HIDDEN, INPUTS), layer(CLASSES, HIDDEN)]
  const [x, h, dh] = [zeros(BATCH * INPUTS), zeros(BATCH * HIDDEN), zeros(BATCH * HIDDEN)]
  const [z, dz, loss] = [zeros(BATCH * CLASSES), zeros(BATCH * CLASSES), zeros(BATCH)]
  const index = device.upload(below(BATCH, SAMPLES))
  const labels = device.upload(below(BATCH, CLASSES))
  const record = (step: Recording, number: number): void => {
    const rule = adamwScalars({ rate: 1e-3, step: number })
    const first = { m: BATCH, n: HIDDEN, k: INPUTS }
    const second = { m: BATCH, n: CLASSES, k: HIDDEN }
    const cross = { rows: BATCH, columns: CLASSES, scale: 1 / BATCH }
    step.run(gatherRows, { source, index, out: x }, { rows: BATCH, width: INPUTS, sourceRows: SAMPLES })
    step.run(matmulNT, { a: x, b: one.w, out: h, bias: one.b }, first, { bias: true, relu: true })
    step.run(matmulNT, { a: h, b: two.w, out: z, bias: two.b }, second, { bias: true })
    const lossOptions = { gradient: true, accumulate: true }
    step.run(softmaxCrossEntropy, { logits: z, labels, loss, gradient: dz }, cross, lossOptions)
    // Before w2 moves: what flows back through it.
    const back = { m: BATCH, n: HIDDEN, k: CLASSES }
    step.run(matmulNN, { a: dz, b: two.w, out: dh, gate: h }, back, { gate: true })
    const w2 = { m: CLASSES, n: HIDDEN, k: BATCH, ...rule }
    step.run(matmulTNAdamw, { a: dz, b: h, w: two.w, ...two.wMoments }, w2)
    step.run(columnSumAdamw, { x: dz, w: two.b, ...two.bMoments }, { rows: BATCH, columns: CLASSES, ...rule })
    const w1 = { m: HIDDEN, n: INPUTS, k: BATCH, ...rule }
    step.run(matmulTNAdamw, { a: dh, b: x, w: one.w, ...one.wMoments }, w1)
    step.run(columnSumAdamw, { x: dh, w: one.b, ...one.bMoments }, { rows: BATCH, columns: HIDDEN, ...rule })
  }
  let number = 0
  return {
    device,
    weights: [one.w, one.b, two.w, two.b],
    async run(steps: number): Promise<number> {
      const from = performance.now()
      for (let i = 0; i < steps; i++) device.submit(step => record(step, ++number))
      await device.idle()
      return (1000 * steps) / (performance.now() - from)
    }
  }
}

const contenders = { throttled: await build(true), plain: await build(false) }
for (const [name, contender] of Object.entries(contenders)) {
  const rate = await contender.run(1)
  console.log(`${name}: first step ${(1000 / rate).toFixed(0)} ms, compiler included`)
}
const rates = { throttled: [] as number[], plain: [] as number[] }
for (let round = 0; round < rounds; round++) {
  for (const name of ['throttled', 'plain'] as const) rates[name].push(await contenders[name].run(STEPS))
}
for (const [name, list] of Object.entries(rates)) {
  list.sort((a, b) => b - a)
  console.log(`${name}: ${list[list.length >> 1]!.toFixed(0)} (${list[0]!.toFixed(0)}) steps/s`)
}
const { device, weights } = contenders.throttled
await device.read(weights)
const from = performance.now()
await device.read(weights)
console.log(`weights read back in ${(performance.now() - from).toFixed(2)} ms`)
console.log(JSON.stringify(device.memory()))
for (const { device } of Object.values(contenders)) device.close()
