/** How fast each peer may send through us when we relay for it: a token bucket a peer; who is out of tokens waits. */
import type { Clock } from '@gradmesh/core'
import type { PeerKey } from '../types.ts'

/** Peers with a bucket; the one that has waited longest since its last byte is forgotten first. */
const PEERS_MAX = 256

export interface AllowanceInit {
  readonly bytesPerSecond: number
  readonly burstBytes: number
  readonly clock: Clock
  readonly sleep: (timeMs: number) => Promise<void>
}

export class Allowance {
  readonly #init: AllowanceInit
  readonly #buckets = new Map<PeerKey, { tokens: number; atMs: number }>()
  #taken = 0

  constructor(init: AllowanceInit) {
    this.#init = init
  }

  /** Bytes that all peers have sent through us. */
  get taken(): number {
    return this.#taken
  }

  /** Resolves when the peer may have sent so many bytes more; the debt of one piece is allowed. */
  async take(peer: PeerKey, bytes: number): Promise<void> {
    const { bytesPerSecond, burstBytes, clock, sleep } = this.#init
    const now = clock.nowMs()
    const before = this.#buckets.get(peer) ?? { tokens: burstBytes, atMs: now }
    const refilled = before.tokens + ((now - before.atMs) * bytesPerSecond) / 1000
    const tokens = Math.min(burstBytes, refilled) - bytes
    this.#buckets.delete(peer)
    this.#buckets.set(peer, { tokens, atMs: now })
    if (this.#buckets.size > PEERS_MAX) this.#buckets.delete(this.#buckets.keys().next().value as PeerKey)
    this.#taken += bytes
    if (tokens < 0) await sleep((-tokens * 1000) / bytesPerSecond)
  }
}
