/** Simulated time: what is to happen, in the order of its moment and then of its planning. */
import type { Clock, Timer } from '@gradmesh/core'
import { Events } from '../events.ts'

export class Timeline {
  nowMs = 0
  readonly #events = new Events()

  at(atMs: number, run: () => void): Timer {
    return this.#events.push(Math.max(atMs, this.nowMs), run)
  }

  after(delayMs: number, run: () => void): Timer {
    return this.at(this.nowMs + delayMs, run)
  }

  /** Moves time to the next thing that is to happen and does it; false when there is none. */
  step(): boolean {
    const due = this.#events.pop()
    if (due === undefined) return false
    this.nowMs = due.atMs
    due.run()
    return true
  }
}

/** The clock that nobody's machine has: of the network between them. */
export const trueClock = (timeline: Timeline): Clock => ({
  nowMs: () => timeline.nowMs,
  wallMs: () => timeline.nowMs,
  after: (delayMs, run) => timeline.after(delayMs, run)
})

/** One machine's clock: it started elsewhere and runs at its own rate. `enter` decides whether and when a timer fires. */
export const skewedClock = (
  timeline: Timeline,
  { offsetMs, ratePercent }: { readonly offsetMs: number; readonly ratePercent: number },
  enter: (run: () => void) => void
): Clock => ({
  nowMs: () => offsetMs + Math.floor((timeline.nowMs * ratePercent) / 100),
  wallMs: () => offsetMs + timeline.nowMs,
  after: (delayMs, run) => timeline.after(Math.ceil((delayMs * 100) / ratePercent), () => enter(run))
})
