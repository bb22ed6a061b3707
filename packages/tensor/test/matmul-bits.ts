/**
 * Every form and family adds in the one stated order, so where the adapter does not fuse (software
 * adapters) the bits equal those of a plain loop over `Math.fround`.
 */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import {
  type Form,
  type MatmulOptions,
  matmulBatchedNT,
  matmulF32,
  matmulNN,
  matmulNT,
  matmulTN,
  packed,
  type Shape
} from '../src/index.ts'
import { onEachAdapter } from './support/devices.ts'

const KERNELS = { nn: matmulNN, nt: matmulNT, tn: matmulTN }
const SHAPES: readonly Shape[] = [
  { m: 96, n: 160, k: 68 },
  { m: 67, n: 131, k: 37 },
  { m: 1, n: 4, k: 1021 }
]
const CHOICES: readonly MatmulOptions[] = [{}, { family: 'tiled' }, { family: 'tiled', tileRows: 32 }]

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

  const shape = { m: 17, n: 37, k: 24 }
  const batch = packed('nt', shape, 3, { b: true })
  const [hostA, hostB] = [values(3 * shape.m * shape.k), values(shape.n * shape.k)]
  const [a, b, out] = [
    device.upload(hostA),
    device.upload(hostB),
    device.tensor('f32', 3 * shape.m * shape.n)
  ]
  device.submit(step => step.run(matmulBatchedNT, { a, b, out }, batch))
  const got = await device.read(out)
  const one = (item: number) => matmulF32('nt', hostA.subarray(item * shape.m * shape.k), hostB, shape)
  t.same(
    got,
    Float32Array.from([0, 1, 2].flatMap(item => [...one(item)])),
    'a batch is its products one by one'
  )
})
