/** The event loop's delay, p99 over the last one to two minutes: what is older says nothing about now. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10
const WINDOW_MS = 60_000

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #previousMs = 0

  constructor() {
    this.#histogram.enable()
    this.#timer = setInterval(() => {
      this.#previousMs = this.#currentMs()
      this.#histogram.reset()
    }, WINDOW_MS)
    this.#timer.unref()
  }

  p99Ms(): number {
    return Math.max(this.#previousMs, this.#currentMs())
  }

  /** Forgets what was measured so far: loading and compiling at the start are not the normal life of a peer. */
  reset(): void {
    this.#previousMs = 0
    this.#histogram.reset()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  /** Node records the time between two samples, so the interval itself has to go off. */
  #currentMs(): number {
    return this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS)
  }
}
