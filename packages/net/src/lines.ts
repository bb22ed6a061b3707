/**
 * Of one peer's requests only so many are worked on at a time; the rest wait their turn, still small. A reply counts
 * until it has been taken, so a peer that asks for much and reads little makes us hold no more than its own share.
 */
import type { PeerKey } from './types.ts'

export class Lines {
  readonly #atOnce: number
  readonly #inside = new Map<PeerKey, number>()
  readonly #waiting = new Map<PeerKey, (() => void)[]>()

  constructor(atOnce = Number.POSITIVE_INFINITY) {
    this.#atOnce = atOnce
  }

  /** Resolves when it is this request's turn, with the way out, to be called once. */
  async enter(peer: PeerKey): Promise<() => void> {
    const inside = this.#inside.get(peer) ?? 0
    if (inside < this.#atOnce) this.#inside.set(peer, inside + 1)
    else {
      const { promise, resolve } = Promise.withResolvers<void>()
      const line = this.#waiting.get(peer) ?? []
      this.#waiting.set(peer, line)
      line.push(resolve)
      await promise
    }
    return () => this.#leave(peer)
  }

  #leave(peer: PeerKey): void {
    const line = this.#waiting.get(peer)
    const next = line?.shift()
    if (line?.length === 0) this.#waiting.delete(peer)
    if (next !== undefined) {
      next()
      return
    }
    const inside = this.#inside.get(peer)! - 1
    if (inside > 0) this.#inside.set(peer, inside)
    else this.#inside.delete(peer)
  }
}
