/**
 * The device as the rest of gradmesh sees it: tensors, recordings, one submit for many dispatches,
 * readback through staging buffers that are used again.
 */
import { MeshError } from '@gradmesh/core'
import type { ElementType, Kernel, Machine, Scalars } from '../kernel.ts'
import type { AdapterInfo } from '../types.ts'
import { Bindings } from './bindings.ts'
import { checkScalars } from './checks.ts'
import { FirstFailure } from './first-failure.ts'
import { Flow } from './flow.ts'
import { type Compiled, PipelineCache, plan } from './pipelines.ts'
import { BufferPool, BufferUsage, type MemoryUse } from './pool.ts'
import { Recorder } from './recorder.ts'
import type { Recording } from './recording.ts'
import { elementTypeOf, HOST_ARRAYS, type HostArray, Tensor } from './tensor.ts'
import { UniformPages } from './uniforms.ts'

const MAP_READ = 1

export interface DeviceInit {
  readonly gpu: GPUDevice
  readonly info: AdapterInfo
  readonly machine: Machine
  readonly checked: boolean
  /** Of all tensors together, where the adapter itself would promise more than there is. */
  readonly memoryBytesMax?: number
  /** Stands around every wait for the GPU. */
  readonly wait?: <T>(work: Promise<T>) => Promise<T>
  /** Drops what keeps the WebGPU runtime alive. */
  readonly onClose?: () => void
}

/** Tensors' memory; staging buffers, through which data comes back, are apart. */
export interface DeviceUse extends MemoryUse {
  readonly stagingBytes: number
  readonly stagingPeakBytes: number
  readonly pipelines: number
  /** Pipelines ever made: one that is used again adds nothing. */
  readonly compilations: number
  /** As far as waits have told. */
  readonly submitsUnderWay: number
}

export class Device {
  readonly info: AdapterInfo
  readonly machine: Machine
  readonly #init: DeviceInit
  readonly #gpu: GPUDevice
  readonly #tensors: BufferPool
  readonly #staging: BufferPool
  readonly #pipelines: PipelineCache
  readonly #bindings: Bindings
  /** One for each recording under way at the same time. */
  readonly #uniformPages: UniformPages[] = []
  readonly #failure: FirstFailure
  readonly #flow = new Flow(() => this.#failure.wait(this.#gpu.queue.onSubmittedWorkDone()))
  readonly #warm = new Set<Compiled>()

  constructor(init: DeviceInit) {
    this.#init = init
    this.#gpu = init.gpu
    this.info = init.info
    this.machine = init.machine
    const { storage, copySrc, copyDst, mapRead } = BufferUsage
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.limits
    const tensorLimits = {
      bytesMax: Math.min(maxStorageBufferBindingSize, maxBufferSize),
      totalBytesMax: init.memoryBytesMax ?? Number.POSITIVE_INFINITY
    }
    const stagingLimits = { bytesMax: maxBufferSize, totalBytesMax: Number.POSITIVE_INFINITY }
    this.#failure = new FirstFailure({
      gpu: this.#gpu,
      adapter: init.info.name,
      memory: () => this.memory(),
      around: init.wait
    })
    const { fail } = this.#failure
    this.#tensors = new BufferPool(this.#gpu, storage | copySrc | copyDst, tensorLimits, fail)
    this.#staging = new BufferPool(this.#gpu, mapRead | copyDst, stagingLimits, fail)
    this.#pipelines = new PipelineCache(this.#gpu, fail)
    this.#bindings = new Bindings(this.#gpu)
  }

  /** All elements zero. Throws GPU_OUT_OF_MEMORY over the adapter's limit. */
  tensor<T extends ElementType>(type: T, length: number, label = 'tensor'): Tensor<T> {
    const { tensor, fresh } = this.#take(type, length, label)
    if (!fresh) this.submit(step => step.clear(tensor))
    return tensor
  }

  /** A new tensor with these elements. */
  upload<T extends Float32Array | Uint32Array | Int32Array>(
    data: T,
    label?: string
  ): Tensor<T extends Float32Array ? 'f32' : T extends Int32Array ? 'i32' : 'u32'>
  upload(data: Float32Array | Uint32Array | Int32Array, label = 'upload'): Tensor {
    const { tensor } = this.#take(elementTypeOf(data), data.length, label)
    this.write(tensor, data)
    return tensor
  }

  /** Overwrites from element `start` on, after the submits so far and before later ones. */
  write<T extends ElementType>(tensor: Tensor<T>, data: HostArray<T>, start = 0): void {
    this.#failure.assertNone()
    if (start + data.length > tensor.length) {
      throw new MeshError(
        'GPU_SHAPE',
        `${data.length} elements at ${start} do not fit into ${tensor.label}`,
        {
          data: { start, length: data.length, whole: tensor.length }
        }
      )
    }
    const { buffer, offset } = tensor.at()
    this.#gpu.queue.writeBuffer(buffer, offset + 4 * start, data as GPUAllowSharedBufferSource)
  }

  /**
   * Compiles the form that these scalars ask for, without blocking, the driver's part included: many
   * drivers compile when a kernel first runs, so one workgroup of it runs on scratch memory. Rejects
   * with GPU_VALIDATION.
   */
  async prepare<S extends Scalars, O extends object>(
    kernel: Kernel<S, O>,
    scalars: S,
    options: O = {} as O
  ): Promise<void> {
    this.#failure.assertNone()
    const any = kernel as unknown as Kernel
    checkScalars(any, scalars)
    const planned = plan(kernel, scalars, options, this.machine)
    const compiled = await this.#failure.wait(this.#pipelines.prepare(any, planned))
    if (this.#warm.has(compiled)) return
    this.#failure.assertNone()
    this.#warm.add(compiled)
    const scratch = Object.values(planned.specs).map(({ type }) => this.#take(type, 64, 'scratch').tensor)
    try {
      this.#submit(step => step.runOnce(any, compiled, scratch, scalars))
      await this.#flow.until(this.#failure.wait(this.#gpu.queue.onSubmittedWorkDone()))
    } finally {
      for (const tensor of scratch) tensor.free()
    }
    this.#failure.assertNone()
  }

  /** Records what `build` asks for and submits it at once. Throws what `build` throws, submitting nothing. */
  submit(build: (step: Recording) => void): void {
    this.#submit(build)
  }

  #submit(build: (step: Recorder) => void): void {
    this.#failure.assertNone()
    // `build` may itself submit.
    const uniforms = this.#uniformPages.pop() ?? new UniformPages()
    const step = new Recorder(this.#pipelines, this.machine, uniforms, this.#bindings)
    const encoder = this.#gpu.createCommandEncoder()
    if (this.#init.checked) this.#gpu.pushErrorScope('validation')
    try {
      build(step)
      step.encode(encoder)
      this.#flow.enter()
      this.#bindings.writeScalars(uniforms)
      this.#gpu.queue.submit([encoder.finish()])
    } finally {
      uniforms.reset()
      this.#uniformPages.push(uniforms)
      if (this.#init.checked) this.#failure.endScope(step.kernels)
    }
  }

  /** Resolves when at most 16 submits are under way: await it between the steps of a loop. */
  async room(): Promise<void> {
    this.#failure.assertNone()
    await this.#flow.room()
    this.#failure.assertNone()
  }

  /** Resolves when all that was submitted is done. Rejects with the device's first failure. */
  async idle(): Promise<void> {
    this.#failure.assertNone()
    await this.#flow.until(this.#failure.wait(this.#gpu.queue.onSubmittedWorkDone()))
    this.#failure.assertNone()
  }

  /** The elements after all submits so far. Several tensors come back through one copy and one wait. */
  async read<T extends ElementType>(tensor: Tensor<T>): Promise<HostArray<T>>
  async read<const L extends readonly Tensor[]>(
    tensors: L
  ): Promise<{ -readonly [i in keyof L]: L[i] extends Tensor<infer T> ? HostArray<T> : never }>
  async read(what: Tensor | readonly Tensor[]): Promise<unknown> {
    this.#failure.assertNone()
    const list: readonly Tensor[] = what instanceof Tensor ? [what] : what
    const total = list.reduce((sum, { bytes }) => sum + bytes, 0)
    const { buffer: staging } = this.#staging.take(total, 'staging')
    const encoder = this.#gpu.createCommandEncoder()
    let at = 0
    for (const tensor of list) {
      const { buffer, offset } = tensor.at()
      encoder.copyBufferToBuffer(buffer, offset, staging, at, tensor.bytes)
      at += tensor.bytes
    }
    this.#gpu.queue.submit([encoder.finish()])
    await this.#flow.until(this.#failure.wait(staging.mapAsync(MAP_READ, 0, total)))
    const bytes = staging.getMappedRange(0, total).slice(0)
    staging.unmap()
    this.#staging.give(staging)
    this.#failure.assertNone()
    at = 0
    const arrays = list.map(({ type, length }) => {
      const start = at
      at += 4 * length
      return new HOST_ARRAYS[type](bytes, start, length)
    })
    return what instanceof Tensor ? arrays[0]! : arrays
  }

  /** What the device holds, and what it did so far. */
  memory(): DeviceUse {
    const staging = this.#staging.use()
    return {
      ...this.#tensors.use(),
      stagingBytes: staging.liveBytes + staging.pooledBytes,
      stagingPeakBytes: staging.peakBytes,
      pipelines: this.#pipelines.size,
      compilations: this.#pipelines.compilations,
      submitsUnderWay: this.#flow.underWay
    }
  }

  /** Gives pooled memory back to the adapter. */
  trim(): void {
    this.#bindings.clear()
    this.#tensors.trim()
    this.#staging.trim()
  }

  /** Ends the device; everything on it is gone, and the process may end. May be called twice. */
  close(): void {
    this.#failure.fail(new MeshError('GPU_CLOSED', 'the device was closed', { remedy: 'open it again' }))
    this.#gpu.destroy()
    this.#init.onClose?.()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #take<T extends ElementType>(
    type: T,
    length: number,
    label: string
  ): { tensor: Tensor<T>; fresh: boolean } {
    this.#failure.assertNone()
    if (!Number.isSafeInteger(length) || length < 1) {
      throw new MeshError('GPU_SHAPE', `${label} cannot have ${length} elements`, { data: { length } })
    }
    const { buffer, fresh } = this.#tensors.take(4 * length, label)
    return { tensor: new Tensor(type, length, label, buffer, 0, held => this.#tensors.give(held)), fresh }
  }
}
