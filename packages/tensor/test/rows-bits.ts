/**
 * Rows are added in the one order of `rows.ts`, with subgroups of any size and without, so where the
 * adapter does not fuse the bits equal those of a plain loop over `Math.fround`; softmax too, by our exp.
 */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { type Kernel, type Machine, reduceRows, softmax } from '../src/index.ts'
import { expF32 } from '../src/math.ts'
import { sumRowF32 } from '../src/rows.ts'
import { onEachAdapter } from './support/devices.ts'

const { fround } = Math
const SHAPES = [
  [3, 1],
  [5, 100],
  [4, 129],
  [2, 1024],
  [2, 3001]
] as const

/** The same kernel where the machine says it has no subgroups. */
const plain = <K>(kernel: K): K => {
  const any = kernel as unknown as Kernel
  return {
    ...any,
    id: `${any.id}/without-subgroups`,
    variant: (s: never, o: never, machine: Machine) => any.variant(s, o, { ...machine, subgroupSize: 0 })
  } as K
}

const softmaxF32 = (row: Float32Array, scale: number): Float32Array => {
  const scaled = row.map(x => fround(fround(scale) * x))
  const top = scaled.reduce((a, b) => Math.max(a, b))
  const total = sumRowF32(row.length, c => expF32(fround(scaled[c]! - top)))
  return scaled.map(x => fround(expF32(fround(x - top)) / total))
}

onEachAdapter(t, async (t, device) => {
  if (!device.machine.software) {
    t.plan(0, 'hardware may fuse multiply and add, so bits are not asked of it')
    return
  }
  const prng = new Prng('rows-bits')
  for (const [rows, columns] of SHAPES) {
    const host = Float32Array.from({ length: rows * columns }, () => prng.below(2 ** 24) / 2 ** 22 - 2)
    const rowOf = (r: number) => host.subarray(r * columns, (r + 1) * columns)
    const x = device.upload(host)
    const sums = device.tensor('f32', rows)
    const out = device.tensor('f32', rows * columns)
    for (const form of [<K>(kernel: K) => kernel, plain]) {
      device.submit(step => {
        step.run(form(reduceRows), { x, out: sums }, { rows, columns }, { op: 'sum' })
        step.run(form(softmax), { x, out }, { rows, columns, scale: 0.3 })
      })
      const [gotSums, gotOut] = await device.read([sums, out])
      for (let r = 0; r < rows; r++) {
        t.equal(
          gotSums[r],
          sumRowF32(columns, c => rowOf(r)[c]!),
          `sum of ${columns}`
        )
        const want = softmaxF32(rowOf(r), 0.3)
        const different = want.findIndex((value, c) => value !== gotOut[r * columns + c])
        t.equal(different, -1, `softmax of ${columns}`)
      }
    }
  }
})
