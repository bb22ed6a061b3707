/**
 * How much work a peer may ask of us: a bucket of tokens that refills with time. Who overdraws it is not
 * refused but answered later, so that a flood waits in its sender's own queue (the net bounds how many
 * requests of one peer are under way) and a peer that catches up is only slowed.
 */
import { type Clock, pause, remember, TokenBucket, type TokenBucketInit } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'

const PEERS_MAX = 1024

export class Budget {
  readonly #clock: Clock
  readonly #rate: TokenBucketInit
  readonly #buckets = new Map<PeerKey, TokenBucket>()

  constructor(clock: Clock, rate: TokenBucketInit) {
    this.#clock = clock
    this.#rate = rate
  }

  /** Takes `tokens` and answers how many milliseconds to wait before the work. */
  take(peer: PeerKey, tokens: number): number {
    const now = this.#clock.nowMs()
    const bucket = this.#buckets.get(peer) ?? new TokenBucket(this.#rate, now)
    remember(this.#buckets, peer, bucket, PEERS_MAX)
    return bucket.take(tokens, now)
  }

  /** Resolves when the peer may have this much. */
  async spend(peer: PeerKey, tokens: number): Promise<void> {
    const wait = this.take(peer, tokens)
    if (wait > 0) await pause(this.#clock, wait)
  }
}
