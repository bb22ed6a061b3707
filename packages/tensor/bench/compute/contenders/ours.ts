/** gradmesh: `node ours.ts ADAPTER`. */
import {
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionDelta,
  biasRelu,
  layerNorm,
  matmulNN,
  matmulNT,
  matmulTN,
  openDevice,
  type Recording,
  scaleAdd,
  softmax
} from '../../../src/index.ts'
import { mlpStep } from './ours-mlp.ts'
import { type Open, serve, values, type Work } from './serve.ts'

const adapter = process.argv[2] ?? ''
const device = await openDevice(adapter === '' ? {} : { adapter })
const PRODUCTS = { nn: matmulNN, nt: matmulNT, tn: matmulTN }

const upload = (length: number, seed: number) => device.upload(values(length, seed))

/** The wait is for the end of the work; nothing comes back. */
const each = (record: (step: Recording) => void, repeats = 1): Work => ({
  repeats,
  run: () => {
    for (let i = 0; i < repeats; i++) device.submit(record)
    return device.idle()
  }
})

/** Forward and backward, as a training step has them. */
const attentionWork = ([length, heads, dim]: readonly number[]): Work => {
  const elements = length! * heads! * dim!
  const [q, k, v, gradient] = [1, 2, 3, 4].map(seed => upload(elements, seed))
  const [out, dq, dk, dv] = [1, 2, 3, 4].map(() => device.tensor('f32', elements))
  const rows = length! * heads!
  const [lse, delta] = [device.tensor('f32', rows), device.tensor('f32', rows)]
  const scalars = {
    batch: 1,
    queries: length!,
    keys: length!,
    heads: heads!,
    kvHeads: heads!,
    dim: dim!,
    scale: 1 / Math.sqrt(dim!)
  }
  const inputs = { q: q!, k: k!, v: v! }
  const back = { ...inputs, gradient: gradient!, lse, delta }
  return each(step => {
    step.run(attention, { ...inputs, out: out!, lse }, scalars)
    step.run(attentionDelta, { gradient: gradient!, out: out!, delta }, { rows, columns: dim! })
    step.run(attentionBackwardQ, { ...back, dq: dq! }, scalars)
    step.run(attentionBackwardKV, { ...back, dk: dk!, dv: dv! }, scalars)
  })
}

const open: Open = async (name, form, sizes) => {
  const [m, n, k] = sizes as [number, number, number]
  if (name === 'mlp') return mlpStep(device)
  if (name === 'matmul') {
    const [a, b, out] = [upload(m * k, 1), upload(k * n, 2), device.tensor('f32', m * n)]
    const kernel = PRODUCTS[form as keyof typeof PRODUCTS]
    return each(step => step.run(kernel, { a, b, out }, { m, n, k }))
  }
  if (name === 'attention') return attentionWork(sizes)
  const count = m * n
  if (name === 'biasRelu') {
    const [x, bias, out] = [upload(count, 1), upload(n, 2), device.tensor('f32', count)]
    return each(step => step.run(biasRelu, { x, bias, out }, { count, columns: n }, { relu: true }))
  }
  if (name === 'scaleAdd') {
    const [x, y] = [upload(count, 1), upload(count, 2)]
    return each(step => step.run(scaleAdd, { x, y }, { count, scale: 0.5, add: 0.25 }))
  }
  const [x, out] = [upload(count, 1), device.tensor('f32', count)]
  const rows = { rows: m, columns: n }
  if (name === 'softmax') return each(step => step.run(softmax, { x, out }, { ...rows, scale: 1 }))
  if (name === 'layerNorm') {
    const [weight, bias] = [upload(n, 2), upload(n, 3)]
    const [mean, rstd] = [device.tensor('f32', m), device.tensor('f32', m)]
    const arrays = { x, weight, bias, mean, rstd, out }
    return each(step => step.run(layerNorm, arrays, { ...rows, epsilon: 1e-5 }))
  }
  return undefined
}

await serve(open)
