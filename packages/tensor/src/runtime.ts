/**
 * The device as the rest of gradmesh sees it: tensors, recordings, one submit for many dispatches,
 * readback through staging buffers that are used again.
 *
 * Errors of the GPU arrive late. The first one sticks: it rejects whatever waits, and every later
 * operation throws it.
 */
import { MeshError } from '@gradmesh/core'
import { Flow } from './flow.ts'
import { type ElementType, type Kernel, type Machine, type Scalars, spread } from './kernel.ts'
import { type Compiled, PipelineCache, type Plan, plan } from './pipelines.ts'
import { BufferPool, BufferUsage, type MemoryUse, outOfMemory } from './pool.ts'
import { type Recording, UNIFORM_PAGE_BYTES, UniformPages } from './recording.ts'
import { elementTypeOf, HOST_ARRAYS, type HostArray, Tensor } from './tensor.ts'
import type { AdapterInfo } from './types.ts'

const MAP_READ = 1
const BIND_GROUPS_MAX = 4096

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
  readonly #uniforms: GPUBuffer[] = []
  readonly #uniformPages: UniformPages[] = []
  readonly #bindGroups = new Map<string, GPUBindGroup>()
  readonly #bufferIds = new WeakMap<GPUBuffer, number>()
  readonly #flow = new Flow(() => this.#wait(this.#gpu.queue.onSubmittedWorkDone()))
  readonly #warm = new Set<Compiled>()
  #buffersSeen = 0
  #failure: MeshError | undefined
  /** Rejects each wait under way. A set, since racing one eternal promise would keep every wait for ever. */
  readonly #waiting = new Set<(error: MeshError) => void>()
  readonly #fail = (error: MeshError): void => {
    this.#failure ??= error
    for (const reject of this.#waiting) reject(this.#failure)
  }

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
    this.#tensors = new BufferPool(this.#gpu, storage | copySrc | copyDst, tensorLimits, this.#fail)
    this.#staging = new BufferPool(this.#gpu, mapRead | copyDst, stagingLimits, this.#fail)
    this.#pipelines = new PipelineCache(this.#gpu, this.#fail)
    this.#gpu.onuncapturederror = ({ error }) => {
      const memory = error.constructor.name === 'GPUOutOfMemoryError'
      this.#fail(
        memory
          ? outOfMemory(error.message, this.memory())
          : new MeshError('GPU_VALIDATION', `the GPU refused a command: ${error.message}`, { cause: error })
      )
    }
    this.#gpu.lost.then(({ message }) => {
      this.#fail(
        new MeshError('GPU_DEVICE_LOST', `the GPU went away: ${message}`, {
          remedy:
            'open the device again; if it happens often, look at the driver log and the GPU temperature',
          data: { adapter: this.info.name }
        })
      )
    })
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
    this.#assertAlive()
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
    this.#assertAlive()
    const any = kernel as unknown as Kernel
    checkScalars(any, scalars)
    const planned = plan(kernel, scalars, options, this.machine)
    const compiled = await this.#wait(this.#pipelines.prepare(any, planned))
    if (this.#warm.has(compiled)) return
    this.#assertAlive()
    this.#warm.add(compiled)
    const scratch = Object.values(planned.specs).map(({ type }) => this.#take(type, 64, 'scratch').tensor)
    try {
      this.#submit(step => step.runOnce(any, compiled, scratch, scalars))
      await this.#flow.until(this.#wait(this.#gpu.queue.onSubmittedWorkDone()))
    } finally {
      for (const tensor of scratch) tensor.free()
    }
    this.#assertAlive()
  }

  /** Records what `build` asks for and submits it at once. Throws what `build` throws, submitting nothing. */
  submit(build: (step: Recording) => void): void {
    this.#submit(build)
  }

  #submit(build: (step: Recorder) => void): void {
    this.#assertAlive()
    // One for each recording under way: `build` may itself submit.
    const uniforms = this.#uniformPages.pop() ?? new UniformPages()
    const step = new Recorder(this.#pipelines, this.machine, uniforms, this.#bind)
    const encoder = this.#gpu.createCommandEncoder()
    if (this.#init.checked) this.#gpu.pushErrorScope('validation')
    try {
      build(step)
      step.encode(encoder)
      this.#flow.enter()
      uniforms.pages.forEach((bytes, page) => {
        const used = uniforms.usedOn(page)
        if (used > 0) this.#gpu.queue.writeBuffer(this.#uniformPage(page), 0, bytes, 0, used)
      })
      this.#gpu.queue.submit([encoder.finish()])
    } finally {
      uniforms.reset()
      this.#uniformPages.push(uniforms)
      if (this.#init.checked) this.#reportScope(step.kernels)
    }
  }

  /** Resolves when at most 16 submits are under way: await it between the steps of a loop. */
  async room(): Promise<void> {
    this.#assertAlive()
    await this.#flow.room()
    this.#assertAlive()
  }

  /** Resolves when all that was submitted is done. Rejects with the device's first failure. */
  async idle(): Promise<void> {
    this.#assertAlive()
    await this.#flow.until(this.#wait(this.#gpu.queue.onSubmittedWorkDone()))
    this.#assertAlive()
  }

  /** The elements after all submits so far. Several tensors come back through one copy and one wait. */
  async read<T extends ElementType>(tensor: Tensor<T>): Promise<HostArray<T>>
  async read<const L extends readonly Tensor[]>(
    tensors: L
  ): Promise<{ -readonly [i in keyof L]: L[i] extends Tensor<infer T> ? HostArray<T> : never }>
  async read(what: Tensor | readonly Tensor[]): Promise<unknown> {
    this.#assertAlive()
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
    await this.#flow.until(this.#wait(staging.mapAsync(MAP_READ, 0, total)))
    const bytes = staging.getMappedRange(0, total).slice(0)
    staging.unmap()
    this.#staging.give(staging)
    this.#assertAlive()
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
    this.#bindGroups.clear()
    this.#tensors.trim()
    this.#staging.trim()
  }

  /** Ends the device; everything on it is gone, and the process may end. May be called twice. */
  close(): void {
    this.#fail(new MeshError('GPU_CLOSED', 'the device was closed', { remedy: 'open it again' }))
    this.#gpu.destroy()
    this.#init.onClose?.()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async #wait<T>(work: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.add(reject)
    work.then(resolve, reject)
    try {
      return await (this.#init.wait?.(promise) ?? promise)
    } catch (error) {
      throw this.#failure ?? (await this.#lossBehind(error))
    } finally {
      this.#waiting.delete(reject)
    }
  }

  /** A wait that is cut off by device loss may reject before the loss itself is told. */
  async #lossBehind(error: unknown): Promise<unknown> {
    if (error instanceof MeshError) return error
    await Promise.race([this.#gpu.lost, new Promise(resolve => setTimeout(resolve, 100))])
    return (
      this.#failure ??
      new MeshError('GPU_VALIDATION', `the GPU refused to wait: ${String(error)}`, { cause: error })
    )
  }

  #take<T extends ElementType>(
    type: T,
    length: number,
    label: string
  ): { tensor: Tensor<T>; fresh: boolean } {
    this.#assertAlive()
    if (!Number.isSafeInteger(length) || length < 1) {
      throw new MeshError('GPU_SHAPE', `${label} cannot have ${length} elements`, { data: { length } })
    }
    const { buffer, fresh } = this.#tensors.take(4 * length, label)
    return { tensor: new Tensor(type, length, label, buffer, 0, held => this.#tensors.give(held)), fresh }
  }

  #uniformPage(page: number): GPUBuffer {
    const { uniform, copyDst } = BufferUsage
    this.#uniforms[page] ??= this.#gpu.createBuffer({
      size: UNIFORM_PAGE_BYTES,
      usage: uniform | copyDst,
      label: 'scalars'
    })
    return this.#uniforms[page]
  }

  readonly #bind: Bind = (kernel, compiled, tensors, page) => {
    const places = tensors.map(tensor => ({ ...tensor.at(), size: 16 * Math.ceil(tensor.bytes / 16) }))
    const key = [compiled.serial, page]
      .concat(places.flatMap(({ buffer, offset, size }) => [this.#idOf(buffer), offset, size]))
      .join()
    const known = this.#bindGroups.get(key)
    if (known !== undefined) return known
    if (this.#bindGroups.size >= BIND_GROUPS_MAX) this.#bindGroups.clear()
    const entries: GPUBindGroupEntry[] = places.map((resource, binding) => ({ binding, resource }))
    const size = Math.max(16, 16 * Math.ceil(Object.keys(kernel.scalars).length / 4))
    entries.push({ binding: places.length, resource: { buffer: this.#uniformPage(page), offset: 0, size } })
    const group = this.#gpu.createBindGroup({ label: kernel.id, layout: compiled.layout, entries })
    this.#bindGroups.set(key, group)
    return group
  }

  #idOf(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer)
    if (id === undefined) {
      id = this.#buffersSeen++
      this.#bufferIds.set(buffer, id)
    }
    return id
  }

  #reportScope(kernels: readonly string[]): void {
    this.#gpu.popErrorScope().then(
      error => {
        if (error === null) return
        const text = `the GPU refused a submit of ${kernels.join(', ')}: ${error.message}`
        this.#fail(
          new MeshError('GPU_VALIDATION', text, { cause: error, data: { kernels: kernels.join(' ') } })
        )
      },
      () => undefined // the device is lost, which its own promise reports
    )
  }
}

type Bind = (kernel: Kernel, compiled: Compiled, tensors: readonly Tensor[], page: number) => GPUBindGroup

type Command =
  | {
      readonly type: 'run'
      readonly id: string
      readonly pipeline: GPUComputePipeline
      readonly group: GPUBindGroup
      readonly offset: number
      readonly groups: readonly [number, number]
    }
  | { readonly type: 'copy'; readonly from: Tensor; readonly to: Tensor; readonly bytes: number }
  | { readonly type: 'clear'; readonly tensor: Tensor }

/** Checks and binds while recording, so that a bad call throws where it is made; encodes at the end. */
class Recorder implements Recording {
  readonly #uniforms: UniformPages
  readonly #commands: Command[] = []
  readonly #pipelines: PipelineCache
  readonly #machine: Machine
  readonly #bind: Bind

  constructor(pipelines: PipelineCache, machine: Machine, uniforms: UniformPages, bind: Bind) {
    this.#uniforms = uniforms
    this.#pipelines = pipelines
    this.#machine = machine
    this.#bind = bind
  }

  get dispatches(): number {
    return this.kernels.length
  }

  get kernels(): string[] {
    return this.#commands.flatMap(command => (command.type === 'run' ? [command.id] : []))
  }

  run<S extends Scalars, O extends object>(
    kernel: Kernel<S, O>,
    tensors: Readonly<Record<string, Tensor>>,
    scalars: S,
    options: O = {} as O
  ): void {
    const any = kernel as unknown as Kernel
    checkScalars(any, scalars)
    const planned = plan(kernel, scalars, options, this.#machine)
    const bound = checkTensors(any, planned, tensors)
    const compiled = this.#pipelines.get(any, planned)
    this.#push(any, compiled, bound, scalars, spread(any.grid(scalars, planned.variant)))
  }

  /** One workgroup, on tensors too short for it: WebGPU keeps every access inside its binding. */
  runOnce(kernel: Kernel, compiled: Compiled, tensors: readonly Tensor[], scalars: Scalars): void {
    this.#push(kernel, compiled, tensors, scalars, [1, 1])
  }

  #push(
    kernel: Kernel,
    compiled: Compiled,
    tensors: readonly Tensor[],
    scalars: Scalars,
    groups: readonly [number, number]
  ): void {
    const { page, offset } = this.#uniforms.push(kernel, scalars)
    const group = this.#bind(kernel, compiled, tensors, page)
    this.#commands.push({
      type: 'run',
      id: kernel.id,
      pipeline: compiled.pipeline,
      group,
      offset,
      groups
    })
  }

  copy(from: Tensor, to: Tensor, length = from.length): void {
    if (length > from.length || length > to.length) {
      throw new MeshError('GPU_SHAPE', `cannot copy ${length} elements from ${from.label} to ${to.label}`, {
        data: { length, from: from.length, to: to.length }
      })
    }
    this.#commands.push({ type: 'copy', from, to, bytes: 4 * length })
  }

  clear(tensor: Tensor): void {
    this.#commands.push({ type: 'clear', tensor })
  }

  /** One compute pass for each run of dispatches between copies. */
  encode(encoder: GPUCommandEncoder): void {
    let pass: GPUComputePassEncoder | undefined
    for (const command of this.#commands) {
      if (command.type === 'run') {
        pass ??= encoder.beginComputePass()
        pass.setPipeline(command.pipeline)
        pass.setBindGroup(0, command.group, [command.offset])
        pass.dispatchWorkgroups(...command.groups)
        continue
      }
      pass?.end()
      pass = undefined
      if (command.type === 'copy') {
        const from = command.from.at()
        const to = command.to.at()
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, command.bytes)
      } else {
        const { buffer, offset } = command.tensor.at()
        encoder.clearBuffer(buffer, offset, command.tensor.bytes)
      }
    }
    pass?.end()
  }
}

const checkScalars = (kernel: Kernel, scalars: Scalars): void => {
  for (const [name, type] of Object.entries(kernel.scalars)) {
    const value = scalars[name]
    const fits = type === 'f32' ? Number.isFinite(value) : Number.isInteger(value) && (value ?? -1) >= 0
    if (fits) continue
    throw new MeshError('GPU_SHAPE', `${kernel.id}: scalar ${name} cannot be ${value}`, {
      data: { kernel: kernel.id, scalar: name }
    })
  }
}

const checkTensors = (
  kernel: Kernel,
  { specs }: Plan,
  tensors: Readonly<Record<string, Tensor>>
): readonly Tensor[] => {
  const names = Object.keys(specs)
  const stranger = Object.keys(tensors).find(name => !names.includes(name))
  if (stranger !== undefined) {
    throw new MeshError('GPU_SHAPE', `${kernel.id} has no array ${stranger} with these options`, {
      data: { kernel: kernel.id, array: stranger }
    })
  }
  return names.map(name => {
    const spec = specs[name]!
    const tensor = tensors[name]
    if (tensor !== undefined && tensor.type === spec.type && tensor.length >= spec.length) return tensor
    const found = tensor === undefined ? 'nothing' : `${tensor.length} ${tensor.type} (${tensor.label})`
    throw new MeshError(
      'GPU_SHAPE',
      `${kernel.id}: array ${name} needs ${spec.length} ${spec.type}, got ${found}`,
      {
        data: { kernel: kernel.id, array: name, length: spec.length }
      }
    )
  })
}
