/** How much of the last minute something was at work, from the lengths of its pieces of work. */
import type { Clock } from '@gradmesh/core'

const WINDOW_MS = 60_000

export class BusyShare {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #startMs: number
  #work: { readonly endMs: number; readonly ms: number }[] = []

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
    this.#startMs = clock.nowMs()
  }

  /** A piece of work of that length has just ended. */
  worked(seconds: number): void {
    this.#work.push({ endMs: this.#clock.nowMs(), ms: seconds * 1000 })
    this.#forget()
  }

  /** 0 to 1. */
  share(): number {
    this.#forget()
    const now = this.#clock.nowMs()
    const fromMs = Math.max(this.#startMs, now - WINDOW_MS)
    if (now <= fromMs) return 0
    const busyMs = this.#work.reduce((sum, { endMs, ms }) => sum + Math.min(ms, endMs - fromMs), 0)
    return Math.min(1, busyMs / (now - fromMs))
  }

  #forget(): void {
    const from = this.#clock.nowMs() - WINDOW_MS
    this.#work = this.#work.filter(({ endMs }) => endMs > from)
  }
}
