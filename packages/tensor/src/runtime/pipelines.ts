/** Compiled kernels, one for each (kernel id, variant): nothing is compiled twice. */
import { MeshError } from '@gradmesh/core'
import { type ArraySpec, type Kernel, type Machine, moduleText, type Scalars } from '../kernel.ts'

export interface Compiled {
  readonly serial: number
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

export interface Plan {
  readonly key: string
  readonly variant: object
  readonly specs: Readonly<Record<string, ArraySpec>>
  readonly text: () => string
}

/** What a dispatch needs to know before it meets the GPU. */
export const plan = <S extends Scalars, O extends object>(
  kernel: Kernel<S, O>,
  scalars: S,
  options: O,
  machine: Machine
): Plan => {
  const variant = kernel.variant(scalars, options, machine)
  const specs = kernel.arrays(scalars, options)
  return {
    key: `${kernel.id} ${Object.keys(specs).join(',')} ${JSON.stringify(variant)}`,
    variant,
    specs,
    text: () => moduleText(specs, kernel.scalars, kernel.wgsl(variant, options))
  }
}

const compileError = (id: string, key: string, cause: { readonly message: string }): MeshError =>
  new MeshError('GPU_VALIDATION', `kernel ${id} does not compile: ${cause.message}`, {
    cause,
    data: { kernel: id, variant: key }
  })

export class PipelineCache {
  readonly #gpu: GPUDevice
  readonly #onFailure: (error: MeshError) => void
  readonly #compiled = new Map<string, Compiled>()
  readonly #compiling = new Map<string, Promise<Compiled>>()
  #compilations = 0

  constructor(gpu: GPUDevice, onFailure: (error: MeshError) => void) {
    this.#gpu = gpu
    this.#onFailure = onFailure
  }

  get size(): number {
    return this.#compiled.size
  }

  /** How often a pipeline was asked of the adapter. */
  get compilations(): number {
    return this.#compilations
  }

  /** Compiles without blocking. Rejects with GPU_VALIDATION and the kernel's id. */
  async prepare(kernel: Kernel, { key, specs, text }: Plan): Promise<Compiled> {
    const known = this.#compiled.get(key) ?? this.#compiling.get(key)
    if (known !== undefined) return known
    this.#gpu.pushErrorScope('validation')
    const { layout, descriptor } = this.#describe(kernel, specs, text())
    const pending = this.#gpu.createComputePipelineAsync(descriptor)
    const scope = this.#gpu.popErrorScope()
    // Both say that it failed; the scope says why.
    const compiling = Promise.allSettled([pending, scope]).then(([made, refused]) => {
      if (made.status === 'fulfilled') return this.#keep(key, made.value, layout)
      const why = refused.status === 'fulfilled' ? refused.value : null
      throw compileError(kernel.id, key, why ?? made.reason)
    })
    this.#compiling.set(key, compiling)
    try {
      return await compiling
    } finally {
      this.#compiling.delete(key)
    }
  }

  /** Compiles now when `prepare` did not; a failure arrives with the next wait. */
  get(kernel: Kernel, { key, specs, text }: Plan): Compiled {
    const known = this.#compiled.get(key)
    if (known !== undefined) return known
    this.#gpu.pushErrorScope('validation')
    const { layout, descriptor } = this.#describe(kernel, specs, text())
    const pipeline = this.#gpu.createComputePipeline(descriptor)
    this.#gpu.popErrorScope().then(
      error => {
        if (error !== null) this.#onFailure(compileError(kernel.id, key, error))
      },
      () => undefined // the device is lost, which its own promise reports
    )
    return this.#keep(key, pipeline, layout)
  }

  #keep(key: string, pipeline: GPUComputePipeline, layout: GPUBindGroupLayout): Compiled {
    const compiled = { serial: this.#compiled.size, pipeline, layout }
    this.#compiled.set(key, compiled)
    return compiled
  }

  #describe(kernel: Kernel, specs: Readonly<Record<string, ArraySpec>>, code: string) {
    this.#compilations++
    const buffers: GPUBufferBindingLayout[] = Object.values(specs).map(({ access }) => ({
      type: access === 'read' ? 'read-only-storage' : 'storage'
    }))
    buffers.push({ type: 'uniform', hasDynamicOffset: true })
    const layout = this.#gpu.createBindGroupLayout({
      label: kernel.id,
      entries: buffers.map((buffer, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer }))
    })
    const descriptor: GPUComputePipelineDescriptor = {
      label: kernel.id,
      layout: this.#gpu.createPipelineLayout({ label: kernel.id, bindGroupLayouts: [layout] }),
      compute: {
        module: this.#gpu.createShaderModule({ label: kernel.id, code }),
        entryPoint: 'main'
      }
    }
    return { layout, descriptor }
  }
}

const COMPUTE_STAGE = 0x4
