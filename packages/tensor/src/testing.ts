/** For the tests of whoever owns a device: how it stands when the adapter goes away. */
import { openAdapter } from './device.ts'
import { Device } from './runtime/device.ts'
import type { OpenDeviceOptions } from './types.ts'

/** As `openDevice`; `lose` takes the adapter away from under the device, as a driver's reset does. */
export const openLosable = async (
  options: OpenDeviceOptions = {}
): Promise<{ readonly device: Device; readonly lose: () => void }> => {
  const init = await openAdapter(options)
  return { device: new Device(init), lose: () => init.gpu.destroy() }
}
