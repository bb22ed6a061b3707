/**
 * Rejected messages by peer, the part of the score that both adapters share. Gossipsub's own counter
 * forgets a peer that reconnects, counts each topic apart and is read through a cache of a heartbeat;
 * this one is exact at once: the message that makes `REJECTIONS_MAX` is the last that is read.
 */
import { type Clock, remember } from '@gradmesh/core'
import type { PeerKey } from './types.ts'

/** So many rejected messages (less what time has forgiven) and a peer is no longer read. */
export const REJECTIONS_MAX = 10
/** Half of what stands against a peer is forgiven after this time. */
export const HALF_LIFE_MS = 10 * 60_000
/** Peers remembered at once; the one that offended longest ago goes first. */
const PEERS_MAX = 4096

export class Strikes {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #byPeer = new Map<PeerKey, { count: number; atMs: number }>()

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  /** What stands against the peer now; 0 for most. */
  count(peer: PeerKey): number {
    const entry = this.#byPeer.get(peer)
    if (entry === undefined) return 0
    return entry.count * 2 ** ((entry.atMs - this.#clock.nowMs()) / HALF_LIFE_MS)
  }

  /** Counts one rejected message. Who reaches the limit is out for about one half-life. */
  add(peer: PeerKey): void {
    const count = this.count(peer) + 1
    this.#set(peer, count > REJECTIONS_MAX - 1 ? 2 * REJECTIONS_MAX : count)
  }

  /** For misbehaviour that was seen elsewhere, such as messages that gossipsub refuses. */
  expel(peer: PeerKey): void {
    this.#set(peer, 2 * REJECTIONS_MAX)
  }

  isOut(peer: PeerKey): boolean {
    return this.count(peer) > REJECTIONS_MAX - 1
  }

  #set(peer: PeerKey, count: number): void {
    remember(this.#byPeer, peer, { count, atMs: this.#clock.nowMs() }, PEERS_MAX)
  }
}
