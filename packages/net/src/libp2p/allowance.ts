/** How fast each peer may send through us when we relay for it; who has sent too much waits. */
import { type Clock, remember, TokenBucket, type TokenBucketInit } from '@gradmesh/core'
import type { PeerKey } from '../types.ts'

/** Peers with a bucket; the one that has been silent longest is forgotten first. */
const PEERS_MAX = 256

export class Allowance {
  readonly #each: TokenBucketInit
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #buckets = new Map<PeerKey, TokenBucket>()
  #taken = 0

  /** @param each in bytes, for every peer. */
  constructor(each: TokenBucketInit, clock: Pick<Clock, 'nowMs'>) {
    this.#each = each
    this.#clock = clock
  }

  /** Bytes that all peers have sent through us. */
  get taken(): number {
    return this.#taken
  }

  /** The peer has sent so many bytes: answers for how many milliseconds it is not listened to. */
  take(peer: PeerKey, bytes: number): number {
    const now = this.#clock.nowMs()
    const bucket = this.#buckets.get(peer) ?? new TokenBucket(this.#each, now)
    remember(this.#buckets, peer, bucket, PEERS_MAX)
    this.#taken += bytes
    return bucket.take(bytes, now)
  }
}
