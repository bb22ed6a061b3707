import { listAdapters, openDevice } from '@gradmesh/tensor'
import { bytes } from '../format.ts'
import { attention, bad, type Check, good } from './checks.ts'

const LIMITS_SHOWN = [
  ['maxBufferSize', bytes],
  ['maxStorageBufferBindingSize', bytes],
  ['maxComputeWorkgroupStorageSize', bytes],
  ['maxComputeInvocationsPerWorkgroup', String]
] as const

const INSTALL =
  'install the driver of your GPU; without one, Mesa 24 or newer brings lavapipe (Debian, Ubuntu: mesa-vulkan-drivers)'

/** Which adapters there are, which would be chosen, and whether it really computes. */
export const checkAdapter = async (wanted: string | null): Promise<readonly Check[]> => {
  const adapters = await listAdapters()
  if (adapters.length === 0) return [bad('adapter', 'this machine has no WebGPU adapter', INSTALL)]
  const device = await openDevice(wanted === null ? {} : { adapter: wanted })
  try {
    const { info } = device
    const tensor = device.upload(Float32Array.of(1, 2, 3))
    const back = await device.read(tensor)
    const details = [
      ...LIMITS_SHOWN.map(([name, show]) => `${name} ${show(info.limits[name] ?? 0)}`),
      `features ${info.features.join(' ') || 'none'}`,
      ...adapters
        .filter(({ name }) => name !== info.name)
        .map(({ name, software }) => `also here: ${name}${software ? ' (software)' : ''}`)
    ]
    if (back.join() !== '1,2,3')
      return [
        bad(
          'adapter',
          `${info.name} gives back other numbers than it was given`,
          'update its driver',
          details
        )
      ]
    return [
      info.software
        ? attention(
            'adapter',
            `${info.name}: the CPU does the work of a GPU, slowly`,
            'if this machine has a GPU, install its Vulkan driver',
            details
          )
        : good('adapter', `${info.name} (${info.driver})`, details)
    ]
  } finally {
    device.close()
  }
}
