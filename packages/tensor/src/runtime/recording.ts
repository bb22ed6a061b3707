/**
 * Many dispatches, one submit. A recording collects dispatches and copies in order; scalars go into
 * one block that is written to the device just before the submit, so a dispatch costs no buffer of
 * its own. Queue order makes the block safe to reuse at once.
 */
import type { Kernel, Scalars } from '../kernel.ts'
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
