/** Every kernel, every case of its own, every adapter, against its float64 reference. */
import { Prng } from '@gradmesh/core'
import t from 'tap'
import { kernels } from '../src/kernels/index.ts'
import { filled, firstDifference } from './support/arrays.ts'
import { onEachAdapter } from './support/devices.ts'

onEachAdapter(t, async (t, device) => {
  for (const kernel of kernels) {
    await t.test(kernel.id, async t => {
      const prng = new Prng(kernel.id)
      for (const { scalars, options = {} } of kernel.cases(prng)) {
        const specs = Object.entries(kernel.arrays(scalars, options))
        const inputs = specs.map(([name, spec]) => ({ name, spec, values: filled(spec, prng) }))
        const tensors = inputs.map(({ name, values }) => ({ name, tensor: device.upload(values, name) }))
        device.submit(step => {
          step.run(
            kernel,
            Object.fromEntries(tensors.map(({ name, tensor }) => [name, tensor])),
            scalars,
            options
          )
        })
        const got = await device.read(tensors.map(({ tensor }) => tensor))
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
        t.strictSame(wrong, [], `${JSON.stringify(scalars)} ${JSON.stringify(options)}`)
        for (const { tensor } of tensors) tensor.free()
      }
    })
  }
  t.equal(device.memory().liveBytes, 0, 'every tensor went back to the pool')
})
