/** Products in f16 against float64, on adapters that have it. */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { matmulNN, matmulNT, matmulTN } from '../src/index.ts'
import { productOf } from '../src/matmul/kernel.ts'
import { onEachAdapter } from './support/devices.ts'

const FORMS = { nn: matmulNN, nt: matmulNT, tn: matmulTN } as const
const SHAPES = [
  { m: 67, n: 131, k: 37 },
  { m: 64, n: 128, k: 256 }
]

/** Roundings of a, b, a product and at most three sums of a group, each half a unit in the last place. */
const LOST = 6 * 2 ** -11

onEachAdapter(t, async (t, device) => {
  if (!device.machine.f16) {
    t.plan(0, 'this adapter does not compute in f16')
    return
  }
  const prng = new Prng('f16')
  const draw = (length: number) => Float32Array.from({ length }, () => prng.below(2 ** 20) / 2 ** 19 - 1)
  for (const [form, kernel] of Object.entries(FORMS)) {
    for (const shape of SHAPES) {
      const { m, n, k } = shape
      const [a, b] = [draw(m * k), draw(k * n)]
      const tensors = { a: device.upload(a), b: device.upload(b), out: device.tensor('f32', m * n) }
      const options = { f16: 'always' } as const
      await device.prepare(kernel, shape, options)
      device.submit(step => step.run(kernel, tensors, shape, options))
      const out = await device.read(tensors.out)
      for (const tensor of Object.values(tensors)) tensor.free()
      const sizes = new Float64Array(m * n)
      const absolute = (values: Float32Array) => Float64Array.from(values, Math.abs)
      productOf(form as 'nn', absolute(a), absolute(b), shape, (at, sum) => {
        sizes[at] = sum
      })
      let worst = 0
      productOf(form as 'nn', Float64Array.from(a), Float64Array.from(b), shape, (at, sum) => {
        worst = Math.max(worst, Math.abs(out[at]! - sum) / sizes[at]!)
      })
      t.ok(worst < LOST, `${form} ${m}x${k}x${n}: lost ${worst.toExponential(1)} of the sum of |a||b|`)
      t.ok(worst > 2 ** -16, 'more than f32 loses: it was f16')
    }
  }
})
