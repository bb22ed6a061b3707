/** What is still to happen, earliest first; of two at one moment the one that was planned first. */
import type { Timer } from '@gradmesh/core'

export interface Due {
  readonly atMs: number
  readonly run: () => void
}

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

/** A binary heap; what was called off stays in it until its moment. */
export class Events {
  readonly #heap: Event[] = []
  #order = 0

  push(atMs: number, run: () => void): Timer {
    const heap = this.#heap
    const event = new Event(atMs, this.#order++, run)
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

  pop(): Due | undefined {
    for (;;) {
      const event = this.#take()
      if (event === undefined || event.run !== null) return event as Due | undefined
    }
  }

  #take(): Event | undefined {
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
