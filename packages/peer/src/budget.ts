/**
 * How much work a peer may ask of us: a bucket of tokens that refills with time. Who overdraws it is not
 * refused but answered later, so that a flood waits in its sender's own queue (the net bounds how many
 * requests of one peer are under way) and a peer that catches up is only slowed.
 */
import { type Clock, pause } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'

const PER_SECOND = 512
const BURST = 2048
const PEERS_MAX = 1024

export class Budget {
  readonly #clock: Clock
  /** When each peer's bucket is full again; insertion order is age. */
  readonly #fullAtMs = new Map<PeerKey, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes `tokens` and answers how many milliseconds to wait before the work. */
  take(peer: PeerKey, tokens: number): number {
    const now = this.#clock.nowMs()
    const fullAt = Math.max(now, this.#fullAtMs.get(peer) ?? 0) + (1000 * tokens) / PER_SECOND
    this.#fullAtMs.delete(peer)
    this.#fullAtMs.set(peer, fullAt)
    if (this.#fullAtMs.size > PEERS_MAX) this.#fullAtMs.delete(this.#fullAtMs.keys().next().value as PeerKey)
    return Math.max(0, fullAt - now - (1000 * BURST) / PER_SECOND)
  }

  /** Resolves when the peer may have this much. */
  async spend(peer: PeerKey, tokens: number): Promise<void> {
    const wait = this.take(peer, tokens)
    if (wait > 0) await pause(this.#clock, wait)
  }
}
