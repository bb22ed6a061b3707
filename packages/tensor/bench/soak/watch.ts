/** The soak's loop and its judgement; a test runs a short one. */
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Prng } from '@gradmesh/core'
import {
  adamwScalars,
  columnSumAdamw,
  type Device,
  matmulNN,
  matmulNT,
  matmulTNAdamw,
  softmaxCrossEntropy
} from '../../src/index.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Dawn's objects die with their JavaScript shells, some of them a turn later. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    collect()
    await turn()
  }
}

/** Taken after a collection, so that what is not yet collected says nothing. */
export interface Sample {
  readonly step: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly peakBytes: number
  readonly stagingPeakBytes: number
  readonly buffers: number
  readonly compilations: number
  readonly submitsUnderWayMax: number
}

const BATCH = 16
const INPUTS = 64
const HIDDEN = 32
const CLASSES = 10
const READ_EVERY = 100
const SAMPLES = 20
/** Kernels are compiled and pools filled by then. */
export const WARM_STEPS = 100

/** Trains `steps` steps after the warm ones, and tells twenty times what is held. */
export const watch = async (
  device: Device,
  steps: number,
  onSample: (sample: Sample) => void = () => {}
): Promise<Sample[]> => {
  const prng = new Prng('bench/soak')
  const values = (n: number, bound: number) =>
    Float32Array.from({ length: n }, () => (prng.below(2 ** 24) / 2 ** 23 - 1) * bound)
  const layer = (outputs: number, inputs: number) => ({
    weight: {
      w: device.upload(values(outputs * inputs, 0.1)),
      first: device.tensor('f32', outputs * inputs),
      second: device.tensor('f32', outputs * inputs)
    },
    bias: {
      w: device.tensor('f32', outputs),
      first: device.tensor('f32', outputs),
      second: device.tensor('f32', outputs)
    }
  })
  const [one, two] = [layer(HIDDEN, INPUTS), layer(CLASSES, HIDDEN)]
  const x = device.tensor('f32', BATCH * INPUTS)
  const labels = device.upload(Uint32Array.from({ length: BATCH }, (_, i) => i % CLASSES))
  const loss = device.tensor('f32', BATCH)
  const inputs = values(4 * BATCH * INPUTS, 1)

  let submitsUnderWayMax = 0
  const train = async (number: number): Promise<void> => {
    const rule = adamwScalars({ rate: 1e-3, step: number })
    device.write(x, inputs.subarray((number % 4) * x.length, ((number % 4) + 1) * x.length))
    // Freed and taken again each step, so that the pool is at work too.
    using h = device.tensor('f32', BATCH * HIDDEN)
    using dh = device.tensor('f32', BATCH * HIDDEN)
    using z = device.tensor('f32', BATCH * CLASSES)
    using dz = device.tensor('f32', BATCH * CLASSES)
    device.submit(step => {
      const { weight: w1, bias: b1 } = one
      const { weight: w2, bias: b2 } = two
      step.run(
        matmulNT,
        { a: x, b: w1.w, out: h, bias: b1.w },
        { m: BATCH, n: HIDDEN, k: INPUTS },
        { bias: true, relu: true }
      )
      step.run(
        matmulNT,
        { a: h, b: w2.w, out: z, bias: b2.w },
        { m: BATCH, n: CLASSES, k: HIDDEN },
        { bias: true }
      )
      step.run(
        softmaxCrossEntropy,
        { logits: z, labels, loss, gradient: dz },
        { rows: BATCH, columns: CLASSES, scale: 1 / BATCH },
        { gradient: true }
      )
      step.run(
        matmulNN,
        { a: dz, b: w2.w, out: dh, gate: h },
        { m: BATCH, n: HIDDEN, k: CLASSES },
        { gate: true }
      )
      step.run(matmulTNAdamw, { a: dz, b: h, ...w2 }, { m: CLASSES, n: HIDDEN, k: BATCH, ...rule })
      step.run(columnSumAdamw, { x: dz, ...b2 }, { rows: BATCH, columns: CLASSES, ...rule })
      step.run(matmulTNAdamw, { a: dh, b: x, ...w1 }, { m: HIDDEN, n: INPUTS, k: BATCH, ...rule })
      step.run(columnSumAdamw, { x: dh, ...b1 }, { rows: BATCH, columns: HIDDEN, ...rule })
    })
    if (number % READ_EVERY === 0) await device.read([loss, one.weight.w])
    else await device.room()
    submitsUnderWayMax = Math.max(submitsUnderWayMax, device.memory().submitsUnderWay)
  }

  for (let number = 1; number <= WARM_STEPS; number++) await train(number)
  const samples: Sample[] = []
  const every = Math.max(1, Math.floor(steps / SAMPLES))
  for (let number = 1; number <= steps; number++) {
    await train(WARM_STEPS + number)
    if (number % every !== 0) continue
    await device.idle()
    await settle()
    const { rss, heapUsed } = process.memoryUsage()
    const { peakBytes, stagingPeakBytes, buffers, compilations } = device.memory()
    const sample = {
      step: number,
      residentBytes: rss,
      heapBytes: heapUsed,
      peakBytes,
      stagingPeakBytes,
      buffers,
      compilations,
      submitsUnderWayMax
    }
    samples.push(sample)
    onSample(sample)
  }
  await device.idle()
  return samples
}

export interface Verdict {
  /** Least resident memory of the last quarter over that of the second. */
  readonly growthBytes: number
  readonly allowedBytes: number
  /** What grows, in words. */
  readonly grew: readonly string[]
}

/** A leak of one 256-byte object a step is 24 MiB in 100,000 steps: over the noise of some MiB. */
const NOISE_BYTES = 8 * 2 ** 20

export const verdictOf = (samples: readonly Sample[]): Verdict => {
  const quarter = samples.length / 4
  const least = (from: number, to: number) =>
    Math.min(...samples.slice(Math.floor(from), Math.ceil(to)).map(({ residentBytes }) => residentBytes))
  const growthBytes = least(3 * quarter, samples.length) - least(quarter, 2 * quarter)
  const grew = growthBytes > NOISE_BYTES ? ['resident memory'] : []
  const [first, last] = [samples[0]!, samples.at(-1)!]
  for (const name of ['peakBytes', 'stagingPeakBytes', 'buffers', 'compilations'] as const) {
    if (last[name] > first[name]) grew.push(name)
  }
  return { growthBytes, allowedBytes: NOISE_BYTES, grew }
}
