/**
 * From an adapter to a `Device`, by the WebGPU standard alone: what Node's door (`device.ts`) and a
 * page share.
 */
import { MeshError } from '@gradmesh/core'
import type { Machine } from './kernel.ts'
import { Device, type DeviceInit } from './runtime/device.ts'
import type { AdapterInfo } from './types.ts'

export interface Candidate {
  readonly adapter: GPUAdapter
  readonly info: AdapterInfo
  /** The WGSL here has dot4I8Packed. */
  readonly packedDot: boolean
}

const plainLimits = (limits: GPUSupportedLimits): Record<string, number> => {
  const plain: Record<string, number> = {}
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits]
    if (typeof value === 'number') plain[name] = value
  }
  return plain
}

const SOFTWARE_NAME = /llvmpipe|swiftshader|lavapipe|softpipe|basic render/i

/** `name` where the system tells one; a page is told only vendor and architecture, or nothing. */
export const candidateOf = (gpu: GPU, adapter: GPUAdapter, name?: string): Candidate => {
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info
  const said = name ?? (description || `${vendor} ${architecture}`.trim() || 'unnamed adapter')
  const software =
    isFallbackAdapter ||
    architecture === 'software' ||
    [said, architecture, description].some(text => SOFTWARE_NAME.test(text))
  return {
    adapter,
    packedDot: gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'),
    info: {
      name: said,
      vendor,
      architecture,
      driver: description,
      software,
      features: [...adapter.features].sort(),
      limits: plainLimits(adapter.limits)
    }
  }
}

const FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups']
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ'
] as const satisfies readonly (keyof GPUSupportedLimits)[]

/** Subgroups count only where every pipeline has the same size: kernels unroll by it. */
const machineOf = ({ adapter, info, packedDot }: Candidate): Machine => {
  const { subgroupMinSize, subgroupMaxSize } = adapter.info
  const usable = adapter.features.has('subgroups') && subgroupMinSize === subgroupMaxSize
  return {
    software: info.software,
    subgroupSize: usable ? subgroupMinSize : 0,
    f16: adapter.features.has('shader-f16'),
    tuned: new Map(),
    packedDot
  }
}

/** The device with every feature and limit that kernels use and the adapter has. Throws GPU_OUT_OF_MEMORY. */
export const requestDevice = async (
  candidate: Candidate,
  { checked = false }: { readonly checked?: boolean }
): Promise<Pick<DeviceInit, 'gpu' | 'info' | 'machine' | 'checked'>> => {
  const { adapter, info } = candidate
  try {
    const gpu = await adapter.requestDevice({
      requiredFeatures: FEATURES.filter(name => adapter.features.has(name)),
      requiredLimits: Object.fromEntries(LIMITS.map(name => [name, adapter.limits[name]]))
    })
    return { gpu, info, machine: machineOf(candidate), checked }
  } catch (cause) {
    throw new MeshError('GPU_OUT_OF_MEMORY', `the adapter ${info.name} gives no device: ${String(cause)}`, {
      remedy: 'close other programs that use the GPU, then try again',
      cause,
      data: { adapter: info.name }
    })
  }
}

/**
 * Opens a device on what a page has: `openDeviceOn(navigator.gpu)`. Codes: GPU_NO_ADAPTER,
 * GPU_OUT_OF_MEMORY.
 */
export const openDeviceOn = async (
  gpu: GPU,
  options: { readonly checked?: boolean } = {}
): Promise<Device> => {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) {
    throw new MeshError('GPU_NO_ADAPTER', 'this browser gives no WebGPU adapter', {
      remedy: 'turn on hardware acceleration in the browser, or use another browser'
    })
  }
  return new Device(await requestDevice(candidateOf(gpu, adapter), options))
}
