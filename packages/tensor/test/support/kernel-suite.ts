/** Runs a kernel's own cases on a device. Needs no Node: a page runs it too. */
import { Prng } from '@gradmesh/core'
import type { Kernel } from '../../src/index.ts'
import type { Device } from '../../src/runtime/device.ts'
import { classBytes } from '../../src/runtime/pool.ts'
import { farthest, filled, firstDifference } from './arrays.ts'

export interface CaseResult {
  readonly name: string
  /** Array and element where device and reference differ by more than the tolerance. */
  readonly wrong: readonly string[]
  /** Over all arrays; NaN where one is. */
  readonly error: number
  /** Of the tolerance at its place. */
  readonly share: number
}

/** Leaves buffers full of NaN in the pool, for these lengths: padding belongs to nobody, so it may hold anything. */
const poison = (device: Device, lengths: readonly number[]): void => {
  const held = lengths.map(length =>
    device.upload(new Float32Array(classBytes(4 * length) / 4).fill(Number.NaN))
  )
  for (const tensor of held) tensor.free()
}

/** Every case of the kernel against its float64 reference. */
export async function* runCases(device: Device, kernel: Kernel, seed = ''): AsyncGenerator<CaseResult> {
  const prng = new Prng(seed + kernel.id)
  for (const { scalars, options = {} } of kernel.cases(prng)) {
    const specs = Object.entries(kernel.arrays(scalars, options))
    const inputs = specs.map(([name, spec]) => ({ name, values: filled(spec, prng) }))
    poison(
      device,
      inputs.map(({ values }) => values.length)
    )
    const tensors = inputs.map(({ name, values }) => ({ name, tensor: device.upload(values, name) }))
    device.submit(step => {
      const named = Object.fromEntries(tensors.map(({ name, tensor }) => [name, tensor]))
      step.run(kernel, named, scalars, options)
    })
    const got = await device.read(tensors.map(({ tensor }) => tensor))
    for (const { tensor } of tensors) tensor.free()
    const want = Object.fromEntries(inputs.map(({ name, values }) => [name, Float64Array.from(values)]))
    // The device has the scalars in f32; the reference starts from the same.
    const rounded = Object.entries(scalars).map(([name, value]) => [
      name,
      kernel.scalars[name] === 'f32' ? Math.fround(value) : value
    ])
    kernel.reference(want, Object.fromEntries(rounded), options)
    const wrong = inputs.flatMap(({ name }, i) => {
      const difference = firstDifference(got[i]!, want[name]!, kernel.tolerance)
      return difference === undefined ? [] : [`${name} ${difference}`]
    })
    const far = inputs.map(({ name }, i) => farthest(got[i]!, want[name]!, kernel.tolerance))
    yield {
      name: `${JSON.stringify(scalars)} ${JSON.stringify(options)}`,
      wrong,
      error: Math.max(...far.map(({ error }) => error)),
      share: Math.max(...far.map(({ share }) => share))
    }
  }
}
