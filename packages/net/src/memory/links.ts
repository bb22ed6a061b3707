/** The connections of one peer, and what crossed them. */
import type { PeerKey } from '../types.ts'
import type { Envelope } from './gossip.ts'
import type { MemoryNet } from './net.ts'

/** One side's view of a connection. */
export interface Link {
  /** The other end. */
  readonly net: MemoryNet
  readonly direction: 'inbound' | 'outbound'
  /** Gossip that waits to be judged. */
  readonly queue: Envelope[]
  readonly onCut: Set<() => void>
  isJudging: boolean
  requests: number
  inboundRequests: number
  /** When the last thing that was sent arrives: nothing overtakes it. */
  lastArrivalMs: number
  bytesSent: number
  bytesReceived: number
}

export class Links {
  /** Of those that were cut too. */
  readonly bytes = { sent: 0, received: 0 }
  readonly #byPeer = new Map<PeerKey, Link>()

  get size(): number {
    return this.#byPeer.size
  }

  of(peer: PeerKey): Link | undefined {
    return this.#byPeer.get(peer)
  }

  peers(): PeerKey[] {
    return [...this.#byPeer.keys()]
  }

  all(): [PeerKey, Link][] {
    return [...this.#byPeer]
  }

  add(peer: PeerKey, net: MemoryNet, direction: Link['direction']): void {
    this.#byPeer.set(peer, {
      net,
      direction,
      queue: [],
      onCut: new Set(),
      isJudging: false,
      requests: 0,
      inboundRequests: 0,
      lastArrivalMs: 0,
      bytesSent: 0,
      bytesReceived: 0
    })
  }

  remove(peer: PeerKey): void {
    this.#byPeer.delete(peer)
  }

  count(peer: PeerKey, bytes: number, way: 'sent' | 'received'): void {
    this.bytes[way] += bytes
    const link = this.of(peer)
    if (link === undefined) return
    if (way === 'sent') link.bytesSent += bytes
    else link.bytesReceived += bytes
  }
}
