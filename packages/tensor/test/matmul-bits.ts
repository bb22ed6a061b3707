/**
 * Every form and family adds in the one stated order, so where the adapter does not fuse (software
 * adapters) the bits equal those of a plain loop over `Math.fround`.
 */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import {
  type Form,
  type MatmulOptions,
  matmulF32,
  matmulNN,
  matmulNT,
  matmulTN,
  type Shape
} from '../src/index.ts'
import { onEachAdapter } from './support/devices.ts'

const KERNELS = { nn: matmulNN, nt: matmulNT, tn: matmulTN }
const SHAPES: readonly Shape[] = [
  { m: 96, n: 160, k: 68 },
  { m: 67, n: 131, k: 37 },
  { m: 1, n: 4, k: 1021 }
]
const CHOICES: readonly MatmulOptions[] = [{}, { family: 'tiled' }]

onEachAdapter(t, async (t, device) => {
  if (!device.machine.software) {
    t.plan(0, 'hardware may fuse multiply and add, so bits are not asked of it')
    return
  }
  const prng = new Prng('matmul-bits')
  const values = (n: number) => Float32Array.from({ length: n }, () => prng.below(2 ** 24) / 2 ** 23 - 1)
  for (const shape of SHAPES) {
    const { m, n, k } = shape
    const [hostA, hostB] = [values(m * k), values(k * n)]
    const [a, b] = [device.upload(hostA), device.upload(hostB)]
    for (const form of ['nn', 'nt', 'tn'] as const satisfies readonly Form[]) {
      const want = matmulF32(form, hostA, hostB, shape)
      for (const choice of CHOICES) {
        const out = device.tensor('f32', m * n)
        device.submit(step => step.run(KERNELS[form], { a, b, out }, shape, choice))
        const got = await device.read(out)
        const different = got.findIndex((value, i) => value !== want[i])
        t.equal(different, -1, `${form} ${JSON.stringify(shape)} ${JSON.stringify(choice)}`)
        out.free()
      }
    }
  }
})
