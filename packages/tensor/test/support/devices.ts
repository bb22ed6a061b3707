/** Every adapter of this machine, or the reason why there is none. */

import type t from 'tap'
import { type AdapterInfo, listAdapters, openDevice } from '../../src/index.ts'
import type { Device } from '../../src/runtime/device.ts'

export const adapters: readonly AdapterInfo[] = await listAdapters().catch(() => [])

/** Runs `body` on each adapter; without one, a test that the report shows as skipped, with the reason. */
export const onEachAdapter = (
  test: typeof t,
  body: (test: typeof t, device: Device) => Promise<void>
): void => {
  if (adapters.length === 0) {
    test.test('on each adapter', async sub => {
      sub.plan(0, 'no WebGPU adapter on this machine: install mesa-vulkan-drivers or a GPU driver')
    })
    return
  }
  for (const { name } of adapters) {
    test.test(name, async sub => {
      const device = await openDevice({ adapter: name, checked: true })
      try {
        await body(sub as typeof t, device)
      } finally {
        device.close()
      }
    })
  }
}
