/**
 * Many dispatches, one submit. A recording collects dispatches and copies in order; scalars go into
 * one block that is written to the device just before the submit, so a dispatch costs no buffer of
 * its own. Queue order makes the block safe to reuse at once.
 */
import type { Kernel, Scalars } from './kernel.ts'
import type { Tensor } from './tensor.ts'

export interface Recording {
  /**
   * One dispatch. `tensors` by the kernel's array names. Throws GPU_SHAPE when one is missing, too
   * short or of the wrong type.
   */
  run<S extends Scalars, O extends object>(
    kernel: Kernel<S, O>,
    tensors: Readonly<Record<string, Tensor>>,
    scalars: S,
    options?: O
  ): void
  /** The first `length` elements (all by default). Never within one buffer. */
  copy(from: Tensor, to: Tensor, length?: number): void
  /** All elements to zero. */
  clear(tensor: Tensor): void
  /** Dispatches so far. */
  readonly dispatches: number
}

/** Uniform blocks of 256 bytes: the offset alignment that every adapter has. */
export const UNIFORM_STRIDE = 256
export const UNIFORM_PAGE_BYTES = 64 * 1024

/** Scalars of the dispatches of one recording, page by page; `reset` makes it ready for the next. */
export class UniformPages {
  readonly pages: ArrayBuffer[] = []
  #used = 0

  /** Where the block went: page and byte offset. */
  push(kernel: Kernel, scalars: Scalars): { page: number; offset: number } {
    const page = Math.floor(this.#used / UNIFORM_PAGE_BYTES)
    const offset = this.#used % UNIFORM_PAGE_BYTES
    if (this.pages.length === page) this.pages.push(new ArrayBuffer(UNIFORM_PAGE_BYTES))
    const view = new DataView(this.pages[page]!, offset)
    let at = 0
    for (const [name, type] of Object.entries(kernel.scalars)) {
      const value = scalars[name]!
      if (type === 'f32') view.setFloat32(at, value, true)
      else view.setUint32(at, value, true)
      at += 4
    }
    this.#used += UNIFORM_STRIDE
    return { page, offset }
  }

  /** Bytes used on a page. */
  usedOn(page: number): number {
    return Math.max(0, Math.min(UNIFORM_PAGE_BYTES, this.#used - page * UNIFORM_PAGE_BYTES))
  }

  reset(): void {
    this.#used = 0
  }
}
