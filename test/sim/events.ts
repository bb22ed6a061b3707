/** What is still to happen, earliest first; of two at one moment the one that was planned first. */
export interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** A binary heap. */
export class Events {
  readonly #heap: Event[] = []
  #order = 0

  push(atMs: number, run: () => void): void {
    const heap = this.#heap
    const event = { atMs, order: this.#order++, run }
    let at = heap.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (earlier(heap[above]!, event)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
  }

  pop(): Event | undefined {
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
