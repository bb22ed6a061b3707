/** Typed arrays on the device. Shapes live in the scalars of a dispatch, not here. */
import { MeshError } from '@gradmesh/core'
import type { ElementType } from '../kernel.ts'

/** A view must start on this many elements: 256 bytes, what every adapter can bind. */
export const VIEW_ALIGNMENT = 64

export type HostArray<T extends ElementType> = T extends 'f32'
  ? Float32Array
  : T extends 'i32'
    ? Int32Array
    : Uint32Array

export const HOST_ARRAYS = { f32: Float32Array, u32: Uint32Array, i32: Int32Array } as const

export const elementTypeOf = (data: Float32Array | Uint32Array | Int32Array): ElementType =>
  data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32'

export class Tensor<T extends ElementType = ElementType> {
  readonly type: T
  readonly length: number
  readonly label: string
  readonly #buffer: GPUBuffer
  readonly #offset: number
  readonly #release: ((buffer: GPUBuffer) => void) | undefined
  /** What a view looks into. */
  #whole: Tensor<T> | undefined
  #freed = false

  constructor(
    type: T,
    length: number,
    label: string,
    buffer: GPUBuffer,
    offset: number,
    release?: (buffer: GPUBuffer) => void
  ) {
    this.type = type
    this.length = length
    this.label = label
    this.#buffer = buffer
    this.#offset = offset
    this.#release = release
  }

  get bytes(): number {
    return 4 * this.length
  }

  /** Elements [start, start + length) of the same memory; `start` is a multiple of 64. */
  view(start: number, length: number): Tensor<T> {
    if (start % VIEW_ALIGNMENT !== 0 || start < 0 || length < 1 || start + length > this.length) {
      throw new MeshError('GPU_SHAPE', `no view of ${this.label} at ${start} of ${length} elements`, {
        remedy: `start on a multiple of ${VIEW_ALIGNMENT} and stay inside`,
        data: { start, length, whole: this.length }
      })
    }
    const { buffer, offset } = this.at()
    const view = new Tensor(this.type, length, `${this.label}[${start}..]`, buffer, offset + 4 * start)
    view.#whole = this
    return view
  }

  /** Where the elements lie. Throws GPU_SHAPE after `free`, for a view also after that of the whole. */
  at(): { readonly buffer: GPUBuffer; readonly offset: number } {
    if (this.#freed) throw new MeshError('GPU_SHAPE', `${this.label} was freed`)
    this.#whole?.at()
    return { buffer: this.#buffer, offset: this.#offset }
  }

  /** Gives the memory back to the pool; work already submitted still sees it. A view frees nothing. */
  free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#release?.(this.#buffer)
  }

  [Symbol.dispose](): void {
    this.free()
  }
}
