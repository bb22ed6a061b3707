/** gradmesh: `node ours.ts ADAPTER`. */
import * as tensor from '../../../src/index.ts'
import { mlpStep } from './ours-mlp.ts'
import { type Open, serve, values, type Work } from './serve.ts'

const { biasRelu, matmulNN, matmulNT, matmulTN, openDevice, scaleAdd } = tensor
const adapter = process.argv[2] ?? ''
const device = await openDevice(adapter === '' ? {} : { adapter })
const PRODUCTS = { nn: matmulNN, nt: matmulNT, tn: matmulTN }

const upload = (length: number, seed: number) => device.upload(values(length, seed))

/** The wait is for the end of the work; nothing comes back. */
const each = (record: (step: tensor.Recording) => void, repeats = 1): Work => ({
  repeats,
  run: () => {
    for (let i = 0; i < repeats; i++) device.submit(record)
    return device.idle()
  }
})

const open: Open = async (name, form, sizes) => {
  const [m, n, k] = sizes as [number, number, number]
  if (name === 'mlp') return mlpStep(device)
  if (name === 'matmul') {
    const [a, b, out] = [upload(m * k, 1), upload(k * n, 2), device.tensor('f32', m * n)]
    const kernel = PRODUCTS[form as keyof typeof PRODUCTS]
    return each(step => step.run(kernel, { a, b, out }, { m, n, k }))
  }
  const count = m * n
  if (name === 'biasRelu') {
    const [x, bias, out] = [upload(count, 1), upload(n, 2), device.tensor('f32', count)]
    return each(step => step.run(biasRelu, { x, bias, out }, { count, columns: n }, { relu: true }))
  }
  if (name === 'scaleAdd') {
    const [x, y] = [upload(count, 1), upload(count, 2)]
    return each(step => step.run(scaleAdd, { x, y }, { count, scale: 0.5, add: 0.25 }))
  }
  return undefined
}

await serve(open)
