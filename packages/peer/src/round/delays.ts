/** What is to be done a little later; a stop calls all of it off, for good. */
import type { Clock, Timer } from '@gradmesh/core'

export class Delays {
  readonly #clock: Clock
  readonly #timers = new Set<Timer>()
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#timers.size
  }

  after(delayMs: number, run: () => void): void {
    if (this.#isStopped) return
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
