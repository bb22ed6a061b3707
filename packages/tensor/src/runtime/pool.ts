/**
 * GPU buffers by size class. Classes are 4 a power of two (at most 25 % waste), at least 256 bytes,
 * so every binding may be rounded up to whole vec4s. A tensor that is freed gives its buffer back;
 * `trim` destroys what nobody uses.
 */
import { MeshError } from '@gradmesh/core'

const CLASS_BYTES_MIN = 256

export const BufferUsage = { mapRead: 0x1, copySrc: 0x4, copyDst: 0x8, uniform: 0x40, storage: 0x80 } as const

/** The smallest class that holds `bytes`. */
export const classBytes = (bytes: number): number => {
  if (bytes <= CLASS_BYTES_MIN) return CLASS_BYTES_MIN
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 3)
  return Math.max(CLASS_BYTES_MIN, Math.ceil((Math.ceil(bytes / step) * step) / 256) * 256)
}

export interface MemoryUse {
  /** Held by live tensors. */
  readonly liveBytes: number
  /** Held by the pool for the next tensor. */
  readonly pooledBytes: number
  /** The most that tensors and pool held together. */
  readonly peakBytes: number
  readonly buffers: number
}

export interface PoolLimits {
  /** Of one buffer. */
  readonly bytesMax: number
  /** Of all together. */
  readonly totalBytesMax: number
}

export class BufferPool {
  readonly #gpu: GPUDevice
  readonly #usage: number
  readonly #limits: PoolLimits
  readonly #onFailure: (error: MeshError) => void
  readonly #free = new Map<number, GPUBuffer[]>()
  #liveBytes = 0
  #pooledBytes = 0
  #peakBytes = 0
  #buffers = 0

  constructor(gpu: GPUDevice, usage: number, limits: PoolLimits, onFailure: (error: MeshError) => void) {
    this.#gpu = gpu
    this.#usage = usage
    this.#limits = limits
    this.#onFailure = onFailure
  }

  /** A buffer of at least `bytes`. `fresh`: never used, hence all zero. Throws GPU_OUT_OF_MEMORY. */
  take(bytes: number, label: string): { buffer: GPUBuffer; fresh: boolean } {
    const size = classBytes(bytes)
    const pooled = this.#free.get(size)?.pop()
    if (pooled !== undefined) {
      this.#pooledBytes -= size
      this.#liveBytes += size
      return { buffer: pooled, fresh: false }
    }
    const { bytesMax, totalBytesMax } = this.#limits
    if (size > bytesMax) {
      throw new MeshError('GPU_OUT_OF_MEMORY', `one array of ${bytes} bytes is over this adapter's limit`, {
        remedy: 'use a smaller batch or model, or an adapter with a larger limit (see gradmesh doctor)',
        data: { bytes, bytesMax, label }
      })
    }
    if (this.#liveBytes + this.#pooledBytes + size > totalBytesMax) this.trim()
    if (this.#liveBytes + size > totalBytesMax) {
      throw outOfMemory(`${totalBytesMax} bytes were free when the device was opened`, this.use())
    }
    this.#gpu.pushErrorScope('out-of-memory')
    const buffer = this.#gpu.createBuffer({ size, usage: this.#usage, label })
    this.#gpu.popErrorScope().then(
      error => {
        if (error !== null) this.#onFailure(outOfMemory(error.message, this.use()))
      },
      () => undefined // the device is lost, which its own promise reports
    )
    this.#liveBytes += size
    this.#buffers++
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes + this.#pooledBytes)
    return { buffer, fresh: true }
  }

  give(buffer: GPUBuffer): void {
    const list = this.#free.get(buffer.size)
    if (list === undefined) this.#free.set(buffer.size, [buffer])
    else list.push(buffer)
    this.#liveBytes -= buffer.size
    this.#pooledBytes += buffer.size
  }

  trim(): void {
    for (const list of this.#free.values()) {
      for (const buffer of list) buffer.destroy()
      this.#buffers -= list.length
    }
    this.#free.clear()
    this.#pooledBytes = 0
  }

  use(): MemoryUse {
    return {
      liveBytes: this.#liveBytes,
      pooledBytes: this.#pooledBytes,
      peakBytes: this.#peakBytes,
      buffers: this.#buffers
    }
  }
}

export const outOfMemory = (detail: string, use: MemoryUse): MeshError =>
  new MeshError('GPU_OUT_OF_MEMORY', `the GPU has no memory left: ${detail}`, {
    remedy: 'close other programs that use the GPU, or use a smaller batch or model',
    data: { liveBytes: use.liveBytes, pooledBytes: use.pooledBytes }
  })
