/**
 * `node cold.ts ADAPTER`: how long the first use of each kernel takes in a fresh process, compiler and
 * all. One line: milliseconds until the device is open, and by kernel.
 */
import { Prng } from '@gradmesh/core'
import { openDevice } from '../../../src/index.ts'
import { kernels } from '../../../src/kernels/index.ts'

const adapter = process.argv[2] ?? ''
const device = await openDevice(adapter === '' ? {} : { adapter })
const openMs = performance.now()
const firstMs: Record<string, number> = {}
for (const kernel of kernels) {
  const prng = new Prng(kernel.id)
  for (const { scalars, options = {} } of kernel.cases(prng)) {
    if ('family' in options) continue // not what a caller gets here unless it asks
    const specs = Object.entries(kernel.arrays(scalars, options))
    const tensors = Object.fromEntries(
      specs.map(([name, { type, length }]) => [name, device.tensor(type, length)])
    )
    await device.idle()
    const from = performance.now()
    device.submit(step => step.run(kernel, tensors, scalars, options))
    await device.idle()
    firstMs[kernel.id] = Math.max(firstMs[kernel.id] ?? 0, performance.now() - from)
    for (const tensor of Object.values(tensors)) tensor.free()
  }
}
process.stdout.write(`@${JSON.stringify({ openMs, firstMs })}\n`)
device.close()
