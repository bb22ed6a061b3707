/**
 * How many submits are under way. WebGPU takes any number and says nothing; each holds memory until it
 * is done. So whoever submits in a loop waits for `room` between steps, and a loop that never waits is
 * stopped by an error long before memory is.
 */
import { MeshError } from '@gradmesh/core'

/** After `room` at most this many are under way: enough that the device is never idle meanwhile. */
export const SUBMITS_MAX = 16
/** Without any wait. */
export const UNWAITED_MAX = 4096

const FENCE_EVERY = SUBMITS_MAX / 2

export class Flow {
  readonly #workDone: () => Promise<void>
  #submitted = 0
  #done = 0
  #fenced = 0
  readonly #fences: Promise<void>[] = []

  /** `workDone` resolves when all submits so far are done. */
  constructor(workDone: () => Promise<void>) {
    this.#workDone = workDone
  }

  get underWay(): number {
    return this.#submitted - this.#done
  }

  /** Call before each submit. Throws GPU_QUEUE. */
  enter(): void {
    if (this.underWay >= UNWAITED_MAX) {
      throw new MeshError('GPU_QUEUE', `${this.underWay} submits and no wait for any of them`, {
        remedy: 'await device.room() between steps',
        data: { underWay: this.underWay }
      })
    }
    this.#submitted++
  }

  /** Passes `work`, a wait for all submits so far, on, and takes note when it is over. */
  async until<T>(work: Promise<T>): Promise<T> {
    const upTo = this.#submitted
    const value = await work
    this.#done = Math.max(this.#done, upTo)
    return value
  }

  /** Resolves when at most SUBMITS_MAX are under way. Waits for the older half, never for all. */
  async room(): Promise<void> {
    if (this.underWay < FENCE_EVERY) return
    if (this.#submitted - this.#fenced >= FENCE_EVERY) {
      this.#fenced = this.#submitted
      const fence = this.until(this.#workDone())
      fence.catch(() => undefined) // the device keeps its failure and tells it to the next call
      this.#fences.push(fence)
    }
    while (this.underWay > SUBMITS_MAX && this.#fences.length > 0) await this.#fences.shift()
    while (this.#fences.length > 2) await this.#fences.shift()
  }
}
