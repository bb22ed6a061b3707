/** Every kernel, every case of its own, every adapter, against its float64 reference. */
import t from 'tap'
import { kernels } from '../src/kernels/index.ts'
import { onEachAdapter } from './support/devices.ts'
import { runCases } from './support/kernel-suite.ts'

onEachAdapter(t, async (t, device) => {
  for (const kernel of kernels) {
    await t.test(kernel.id, async t => {
      for await (const { name, wrong } of runCases(device, kernel)) t.strictSame(wrong, [], name)
    })
  }
  t.equal(device.memory().liveBytes, 0, 'every tensor went back to the pool')
})
