/** Simulated time: what is to happen, in the order of its moment and then of its planning. */
import type { Clock, Timer } from '@gradmesh/core'

class Event implements Timer {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs
    this.order = order
    this.run = run
  }

  cancel(): void {
    this.run = null
  }
}

export class Timeline {
  nowMs = 0
  #order = 0
  /** A binary heap; what was called off stays in it until its moment. */
  readonly #heap: Event[] = []

  at(atMs: number, run: () => void): Timer {
    const event = new Event(Math.max(atMs, this.nowMs), this.#order++, run)
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (earlier(heap[above]!, event)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
    return event
  }

  after(delayMs: number, run: () => void): Timer {
    return this.at(this.nowMs + delayMs, run)
  }

  /** Moves time to the next thing that is to happen and does it; false when there is none. */
  step(): boolean {
    for (;;) {
      const event = this.#pop()
      if (event === undefined) return false
      if (event.run === null) continue
      this.nowMs = event.atMs
      const { run } = event
      event.run = null
      run()
      return true
    }
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && earlier(heap[below + 1]!, heap[below]!)) below++
      if (earlier(last, heap[below]!)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first
  }
}

const earlier = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

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
