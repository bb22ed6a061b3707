/** Bind groups, made once for each kernel, place of its tensors and page of scalars, and the pages' buffers. */
import type { Kernel } from '../kernel.ts'
import type { Compiled } from './pipelines.ts'
import { BufferUsage } from './pool.ts'
import type { Tensor } from './tensor.ts'
import { UNIFORM_PAGE_BYTES, type UniformPages } from './uniforms.ts'

const BIND_GROUPS_MAX = 4096

export class Bindings {
  readonly #gpu: GPUDevice
  readonly #groups = new Map<string, GPUBindGroup>()
  readonly #pages: GPUBuffer[] = []
  readonly #bufferIds = new WeakMap<GPUBuffer, number>()
  #buffersSeen = 0

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu
  }

  group(kernel: Kernel, compiled: Compiled, tensors: readonly Tensor[], page: number): GPUBindGroup {
    const places = tensors.map(tensor => ({ ...tensor.at(), size: 16 * Math.ceil(tensor.bytes / 16) }))
    const key = [compiled.serial, page]
      .concat(places.flatMap(({ buffer, offset, size }) => [this.#idOf(buffer), offset, size]))
      .join()
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    if (this.#groups.size >= BIND_GROUPS_MAX) this.#groups.clear()
    const entries: GPUBindGroupEntry[] = places.map((resource, binding) => ({ binding, resource }))
    const size = Math.max(16, 16 * Math.ceil(Object.keys(kernel.scalars).length / 4))
    entries.push({ binding: places.length, resource: { buffer: this.#page(page), offset: 0, size } })
    const group = this.#gpu.createBindGroup({ label: kernel.id, layout: compiled.layout, entries })
    this.#groups.set(key, group)
    return group
  }

  /** The scalars of a recording, before it is submitted. */
  writeScalars(uniforms: UniformPages): void {
    uniforms.pages.forEach((bytes, page) => {
      const used = uniforms.usedOn(page)
      if (used > 0) this.#gpu.queue.writeBuffer(this.#page(page), 0, bytes, 0, used)
    })
  }

  /** Lets go of the buffers that groups refer to. */
  clear(): void {
    this.#groups.clear()
  }

  #page(page: number): GPUBuffer {
    const { uniform, copyDst } = BufferUsage
    this.#pages[page] ??= this.#gpu.createBuffer({
      size: UNIFORM_PAGE_BYTES,
      usage: uniform | copyDst,
      label: 'scalars'
    })
    return this.#pages[page]
  }

  #idOf(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer)
    if (id === undefined) {
      id = this.#buffersSeen++
      this.#bufferIds.set(buffer, id)
    }
    return id
  }
}
