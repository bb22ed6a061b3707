/** The scalars of many dispatches in few buffers: each dispatch binds its own block by a dynamic offset. */
import type { Kernel, Scalars } from '../kernel.ts'

/** Uniform blocks of 256 bytes: the offset alignment that every adapter has. */
const UNIFORM_STRIDE = 256
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
