/**
 * Node's door: the one file that meets `webgpu`, and the one that needs Node. A page comes in through
 * `openDeviceOn` (`open.ts`). The import is dynamic, so nothing loads the native runtime by
 * accident. Dawn crashes when what `create` returned is collected while in use, and keeps the process
 * alive while it is held: so it is held here from open to close.
 */
import { MeshError } from '@gradmesh/core'
import { type Candidate, candidateOf, requestDevice } from './open.ts'
import { Device, type DeviceInit } from './runtime/device.ts'
import { throttled } from './throttle.ts'
import type { AdapterInfo, OpenDeviceOptions } from './types.ts'

const alive = new Set<GPU>()

/** No adapter has this name, so that dawn answers with the names there are. */
const NOBODY = '\u0001nobody'
const LISTED = /^ \* backend: '([^']*)', name: '(.*)'$/gm
const NO_ADAPTER_REMEDY =
  'install a driver for your GPU; without one, Mesa 24 or newer has a software adapter (Debian and Ubuntu: mesa-vulkan-drivers)'

type Create = (flags: string[]) => GPU

const load = async (): Promise<Create> => {
  try {
    const { create } = await import('webgpu')
    return create
  } catch (cause) {
    throw new MeshError('GPU_RUNTIME', `the WebGPU runtime does not load here: ${String(cause)}`, {
      remedy: 'x64 or arm64 Linux with glibc, macOS, or x64 Windows is needed',
      cause
    })
  }
}

/**
 * Lavapipe promises any amount of memory and does not look whether it came: beyond what there is, the
 * process would crash at the first touch. So a software adapter gets this share of what is free.
 */
const SOFTWARE_SHARE = 0.8

/** How long a wait for hardware may burn its core before it sleeps between looks: below it, latency counts. */
const PATIENCE_MS = 2

/** Adapter names with their backend; `create` tells them only in the error for a name it does not know. */
const adapterNames = async (create: Create): Promise<readonly { backend: string; name: string }[]> => {
  try {
    await create([`adapter=${NOBODY}`]).requestAdapter()
    return []
  } catch (error) {
    const found = [...String(error).matchAll(LISTED)].map(([, backend, name]) => ({
      backend: backend!,
      name: name!
    }))
    return found.filter(({ backend }) => backend !== 'null')
  }
}

interface Present extends Candidate {
  readonly gpu: GPU
}

/** Hardware before software, otherwise as found. */
export const hardwareFirst = <T extends { readonly info: Pick<AdapterInfo, 'software'> }>(
  found: readonly T[]
): T[] => found.toSorted((a, b) => Number(a.info.software) - Number(b.info.software))

/** Every adapter once, hardware before software, in the order the system gives. */
const candidates = async (create: Create): Promise<readonly Present[]> => {
  const found: Present[] = []
  for (const { backend, name } of await adapterNames(create)) {
    const gpu = create([`backend=${backend}`, `adapter=${name}`])
    const adapter = await gpu.requestAdapter().catch(() => null)
    if (adapter !== null) found.push({ gpu, ...candidateOf(gpu, adapter, name) })
  }
  return hardwareFirst(found)
}

/** What this machine has, hardware before software. Throws GPU_RUNTIME. */
export const listAdapters = async (): Promise<AdapterInfo[]> =>
  (await candidates(await load())).map(({ info }) => info)

/**
 * Opens the adapter named, else hardware before software. Codes: GPU_RUNTIME, GPU_NO_ADAPTER,
 * GPU_ADAPTER_NAME, GPU_OUT_OF_MEMORY.
 *
 * @example
 * using device = await openDevice()
 * const x = device.upload(Float32Array.of(1, 2, 3))
 */
export const openDevice = async (options: OpenDeviceOptions = {}): Promise<Device> =>
  new Device(await openAdapter(options))

/** What a `Device` is made of; apart so that a test can take the GPU away from under one. */
export const openAdapter = async (options: OpenDeviceOptions = {}): Promise<DeviceInit> => {
  const present = await candidates(await load())
  if (present.length === 0) {
    throw new MeshError('GPU_NO_ADAPTER', 'this machine has no WebGPU adapter', { remedy: NO_ADAPTER_REMEDY })
  }
  const wanted = options.adapter
  const chosen = present.find(({ info }) => wanted === undefined || info.name.includes(wanted))
  if (chosen === undefined) {
    const names = present.map(({ info }) => info.name).join('; ')
    throw new MeshError('GPU_ADAPTER_NAME', `no adapter's name contains "${wanted}"`, {
      remedy: `choose part of one of these names: ${names}`,
      data: { wanted: wanted ?? '', names }
    })
  }
  const { gpu, info } = chosen
  const onClose = () => alive.delete(gpu)
  alive.add(gpu)
  try {
    const patienceMs = info.software ? 0 : PATIENCE_MS
    const wait =
      options.throttle === false ? {} : { wait: <T>(work: Promise<T>) => throttled(work, patienceMs) }
    const memory = info.software ? { memoryBytesMax: SOFTWARE_SHARE * process.availableMemory() } : {}
    return { ...(await requestDevice(chosen, options)), ...wait, ...memory, onClose }
  } catch (error) {
    onClose()
    throw error
  }
}
