/** Two hundred random shapes of each form against the float64 reference, with random epilogues. */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { type MatmulOptions, matmulNN, matmulNT, matmulTN } from '../src/index.ts'
import { filled, firstDifference } from './support/arrays.ts'
import { onEachAdapter } from './support/devices.ts'

const SHAPES = 200
const SIZE_MAX = 48
const EPILOGUES: readonly MatmulOptions[] = [{}, { bias: true, relu: true }]

/** Whole vec4s, or one element more: every path, and few pipelines to compile. */
const size = (prng: Prng): number => {
  const quads = 4 * prng.below(SIZE_MAX / 4)
  return prng.below(2) === 0 ? quads + 4 : quads + 1
}

onEachAdapter(t, async (t, device) => {
  const lanes = device.machine.subgroupSize
  // The smallest tile compiles fastest and has the same edges.
  const tile: MatmulOptions = device.machine.software && lanes >= 8 ? { family: 'dir4', tileRows: 8 } : {}
  for (const kernel of [matmulNN, matmulNT, matmulTN]) {
    const prng = new Prng(`shapes of ${kernel.id}`)
    const wrong: string[] = []
    for (let i = 0; i < SHAPES; i++) {
      const shape = { m: size(prng), n: size(prng), k: size(prng) }
      const options = { ...prng.pick(EPILOGUES), ...tile }
      const specs = Object.entries(kernel.arrays(shape, options))
      const host = Object.fromEntries(specs.map(([name, spec]) => [name, filled(spec, prng)]))
      const tensors = Object.fromEntries(
        specs.map(([name]) => [name, device.upload(host[name] as Float32Array)])
      )
      device.submit(step => step.run(kernel, tensors, shape, options))
      const got = await device.read(tensors.out!)
      const want = Object.fromEntries(
        Object.entries(host).map(([name, values]) => [name, Float64Array.from(values)])
      )
      kernel.reference(want, shape, options)
      const difference = firstDifference(got, want.out!, kernel.tolerance)
      if (difference !== undefined)
        wrong.push(`${JSON.stringify(shape)} ${JSON.stringify(options)} ${difference}`)
      for (const tensor of Object.values(tensors)) tensor.free()
    }
    t.strictSame(wrong, [], kernel.id)
  }
})
