/**
 * Errors of the GPU arrive late. The first one sticks: it rejects whatever waits, and every later
 * operation throws it.
 */
import { MeshError } from '@gradmesh/core'
import { type MemoryUse, outOfMemory } from './pool.ts'

export interface FirstFailureInit {
  readonly gpu: GPUDevice
  readonly adapter: string
  /** For the error that says how much was held. */
  readonly memory: () => MemoryUse
  /** Stands around every wait for the GPU. */
  readonly around: (<T>(work: Promise<T>) => Promise<T>) | undefined
}

export class FirstFailure {
  readonly #init: FirstFailureInit
  #failure: MeshError | undefined
  /** Rejects each wait under way. A set, since racing one eternal promise would keep every wait for ever. */
  readonly #waiting = new Set<(error: MeshError) => void>()

  /** Hears of what no call is there to throw: refused commands, memory, a device that is lost. */
  constructor(init: FirstFailureInit) {
    this.#init = init
    const { gpu, adapter, memory } = init
    gpu.onuncapturederror = ({ error }) => {
      this.fail(
        error.constructor.name === 'GPUOutOfMemoryError'
          ? outOfMemory(error.message, memory())
          : new MeshError('GPU_VALIDATION', `the GPU refused a command: ${error.message}`, { cause: error })
      )
    }
    gpu.lost.then(({ message }) => {
      this.fail(
        new MeshError('GPU_DEVICE_LOST', `the GPU went away: ${message}`, {
          remedy:
            'open the device again; if it happens often, look at the driver log and the GPU temperature',
          data: { adapter }
        })
      )
    })
  }

  readonly fail = (error: MeshError): void => {
    this.#failure ??= error
    for (const reject of this.#waiting) reject(this.#failure)
  }

  assertNone(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Passes `work`, a wait for the GPU, on; rejects with the first failure. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.add(reject)
    work.then(resolve, reject)
    try {
      return await (this.#init.around?.(promise) ?? promise)
    } catch (error) {
      throw this.#failure ?? (await this.#lossBehind(error))
    } finally {
      this.#waiting.delete(reject)
    }
  }

  /** Ends the error scope around a submit; what it caught arrives later. */
  endScope(kernels: readonly string[]): void {
    this.#init.gpu.popErrorScope().then(
      error => {
        if (error === null) return
        const text = `the GPU refused a submit of ${kernels.join(', ')}: ${error.message}`
        this.fail(
          new MeshError('GPU_VALIDATION', text, { cause: error, data: { kernels: kernels.join(' ') } })
        )
      },
      () => undefined // the device is lost, which its own promise reports
    )
  }

  /** A wait that is cut off by device loss may reject before the loss itself is told. */
  async #lossBehind(error: unknown): Promise<unknown> {
    if (error instanceof MeshError) return error
    await Promise.race([this.#init.gpu.lost, new Promise(resolve => setTimeout(resolve, 100))])
    return (
      this.#failure ??
      new MeshError('GPU_VALIDATION', `the GPU refused to wait: ${String(error)}`, { cause: error })
    )
  }
}
