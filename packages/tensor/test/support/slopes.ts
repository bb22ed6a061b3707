/**
 * Backward kernels on a device against central differences of the forward references in float64: the
 * loss is the sum of outputs times random numbers, and these are the gradient that comes in.
 */
import type { Prng } from '@gradmesh/core'
import {
  type ArraySpec,
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionDelta,
  biasGelu,
  biasGeluBackward,
  type ConvShape,
  conv2d,
  conv2dBackwardImage,
  conv2dBackwardWeights,
  convOutput,
  gatherRows,
  type Kernel,
  layerNorm,
  layerNormBackward,
  layerNormWeightsBackward,
  linkRows,
  pool2d,
  pool2dBackward,
  rmsNorm,
  rmsNormBackward,
  rmsNormWeightsBackward,
  rotary,
  type Scalars,
  scatterRows,
  softmax,
  softmaxBackward,
  softmaxCrossEntropy,
  swiglu,
  swigluBackward
} from '../../src/index.ts'
import type { Device } from '../../src/runtime/device.ts'
import { filled } from './arrays.ts'
import { drawCase } from './draw.ts'

type Host = Readonly<Record<string, Float32Array | Uint32Array | Int32Array>>
type Run = (kernel: unknown, given: Host, scalars: Scalars, options?: object) => Promise<Host>
type Problem = {
  readonly host: Host
  readonly gradient: Float32Array
  readonly scalars: Sizes
  readonly options: object
  readonly run: Run
}

/** Whatever sizes a kernel has. */
type Sizes = Scalars &
  ConvShape & {
    readonly [name in 'rows' | 'columns' | 'queries' | 'heads' | 'dim' | 'sourceRows']: number
  }

interface Check {
  readonly forward: unknown
  /** Outputs that the loss is made of. */
  readonly out: string
  readonly backward: (problem: Problem) => Promise<Host>
}

const normed =
  (backward: unknown, weightsBackward: unknown) =>
  async ({ host, gradient, scalars, options, run }: Problem) => {
    const forward = await run(backward === layerNormBackward ? layerNorm : rmsNorm, host, scalars, options)
    const x = (options as { residual?: boolean }).residual ? forward.sum! : host.x!
    const stats = {
      x,
      gradient,
      ...(forward.mean !== undefined && { mean: forward.mean }),
      rstd: forward.rstd!
    }
    const { rows, columns } = scalars
    const { out } = await run(backward, { ...stats, weight: host.weight! }, { rows, columns })
    const { dWeight, dBias } = await run(weightsBackward, stats, { rows, columns, rowsPerPart: rows })
    return { x: out!, weight: dWeight!, ...(dBias !== undefined && { bias: dBias }) }
  }

export const CHECKS: Readonly<Record<string, Check>> = {
  biasGelu: {
    forward: biasGelu,
    out: 'out',
    backward: async ({ host, gradient, scalars, options, run }) => {
      const { out } = await run(biasGeluBackward, { ...host, gradient }, scalars, options)
      return { x: out! }
    }
  },
  swiglu: {
    forward: swiglu,
    out: 'out',
    backward: async ({ host, gradient, scalars, run }) => {
      const { dGate, dUp } = await run(swigluBackward, { ...host, gradient }, scalars)
      return { gate: dGate!, up: dUp! }
    }
  },
  softmax: {
    forward: softmax,
    out: 'out',
    backward: async ({ host, gradient, scalars, run }) => {
      const { out: y } = await run(softmax, host, scalars)
      const { out } = await run(softmaxBackward, { y: y!, gradient }, scalars)
      return { x: out! }
    }
  },
  softmaxCrossEntropy: {
    forward: softmaxCrossEntropy,
    out: 'loss',
    backward: async ({ host, gradient, scalars, run }) => {
      const { gradient: slope } = await run(
        softmaxCrossEntropy,
        host,
        { ...scalars, scale: 1 },
        { gradient: true }
      )
      return {
        logits: (slope as Float32Array).map((value, i) => value * gradient[Math.floor(i / scalars.columns)]!)
      }
    }
  },
  layerNorm: {
    forward: layerNorm,
    out: 'out',
    backward: normed(layerNormBackward, layerNormWeightsBackward)
  },
  rmsNorm: { forward: rmsNorm, out: 'out', backward: normed(rmsNormBackward, rmsNormWeightsBackward) },
  attention: {
    forward: attention,
    out: 'out',
    backward: async ({ host, gradient, scalars, options, run }) => {
      const { out, lse } = await run(attention, host, scalars, options)
      const rows = scalars.batch * scalars.queries * scalars.heads
      const { delta } = await run(attentionDelta, { gradient, out: out! }, { rows, columns: scalars.dim })
      const given = { ...host, gradient, lse: lse!, delta: delta! }
      const { dq } = await run(attentionBackwardQ, given, scalars, options)
      const { dk, dv } = await run(attentionBackwardKV, given, scalars, options)
      return { q: dq!, k: dk!, v: dv! }
    }
  },
  conv2d: {
    forward: conv2d,
    out: 'out',
    backward: async ({ host, gradient, scalars, run }) => {
      const { dImage } = await run(conv2dBackwardImage, { ...host, gradient }, scalars)
      const rowsPerPart = scalars.batch * convOutput(scalars).height
      const { dWeights } = await run(
        conv2dBackwardWeights,
        { ...host, gradient },
        { ...scalars, rowsPerPart }
      )
      return { image: dImage!, weights: dWeights! }
    }
  },
  pool2d: {
    forward: pool2d,
    out: 'out',
    backward: async ({ host, gradient, scalars, options, run }) => {
      const { tap } = await run(pool2d, host, scalars, options)
      const { dImage } = await run(
        pool2dBackward,
        { gradient, ...(tap !== undefined && { tap }) },
        scalars,
        options
      )
      return { image: dImage! }
    }
  },
  rotary: {
    forward: rotary,
    out: 'out',
    backward: async ({ host, gradient, scalars, options, run }) => {
      const inverse = !(options as { inverse?: boolean }).inverse
      const { out } = await run(rotary, { ...host, x: gradient }, scalars, { inverse })
      return { x: out! }
    }
  },
  gatherRows: {
    forward: gatherRows,
    out: 'out',
    backward: async ({ host, gradient, scalars: { rows, width, sourceRows }, run }) => {
      const links = await run(linkRows, { index: host.index! }, { rows })
      const given = {
        gradient,
        index: host.index!,
        next: links.next!,
        first: links.first!,
        out: new Float32Array(sourceRows * width)
      }
      const { out } = await run(scatterRows, given, { rows, width, targetRows: sourceRows })
      return { source: out! }
    }
  }
}

const runner =
  (device: Device): Run =>
  async (kernel, given, scalars, options = {}) => {
    const any = kernel as Kernel
    const specs = Object.entries(any.arrays(scalars, options))
    const tensors = specs.map(([name, { type, length }]) => {
      const host = given[name]
      return host === undefined ? device.tensor(type, length, name) : device.upload(host, name)
    })
    device.submit(step =>
      step.run(any, Object.fromEntries(specs.map(([name], i) => [name, tensors[i]!])), scalars, options)
    )
    const values = await device.read(tensors)
    for (const tensor of tensors) tensor.free()
    return Object.fromEntries(specs.map(([name], i) => [name, values[i]!]))
  }

const STEP = 1e-4
const SAMPLES = 4

/** The largest difference between slopes, in units of 1 + |slope| */
export const worstSlope = async (
  device: Device,
  name: string,
  prng: Prng
): Promise<{ readonly worst: number; readonly problem: string }> => {
  const { forward, out, backward } = CHECKS[name]!
  const kernel = forward as Kernel
  let { scalars, options } = drawCase(kernel, prng)
  // ReLU has a kink, a sum over steps is no gradient.
  options = {
    ...options,
    relu: false,
    accumulate: false,
    ...(name === 'softmaxCrossEntropy' && { gradient: false })
  }
  if (name.endsWith('Norm')) scalars = { ...scalars, columns: scalars.columns! + 3 }
  const specs = Object.entries<ArraySpec>(kernel.arrays(scalars, options))
  const host = Object.fromEntries(
    specs.filter(([, { access }]) => access === 'read').map(([key, spec]) => [key, filled(spec, prng)])
  )
  const gradient = Float32Array.from(
    { length: kernel.arrays(scalars, options)[out]!.length },
    () => prng.below(2 ** 16) / 2 ** 15 - 1
  )
  const slopes = await backward({ host, gradient, scalars: scalars as Sizes, options, run: runner(device) })
  const loss = (moved: Readonly<Record<string, Float64Array>>): number => {
    const arrays = Object.fromEntries(
      specs.map(([key, { length }]) => [
        key,
        moved[key] ?? (host[key] === undefined ? new Float64Array(length) : Float64Array.from(host[key]))
      ])
    )
    kernel.reference(arrays, scalars, options)
    return arrays[out]!.reduce((sum, value, i) => sum + value * gradient[i]!, 0)
  }
  let worst = 0
  for (const [key, slope] of Object.entries(slopes)) {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const i = prng.below(slope.length)
      const at = (move: number) => {
        const values = Float64Array.from(host[key]!)
        values[i]! += move
        return loss({ [key]: values })
      }
      const want = (at(STEP) - at(-STEP)) / (2 * STEP)
      worst = Math.max(worst, Math.abs(want - slope[i]!) / (1 + Math.abs(want)))
    }
  }
  return { worst, problem: `${JSON.stringify(scalars)} ${JSON.stringify(options)}` }
}
