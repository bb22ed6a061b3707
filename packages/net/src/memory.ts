/**
 * The network port without a network: peers in one process, joined by a hub. It keeps the meaning of the
 * libp2p adapter (verdicts, forwarding, scores, bounds, errors) and none of its sockets. With a clock of
 * virtual time the same seed gives the same run; with the system's, real timers order the events.
 */
import { Hub, type MemoryHubOptions } from './memory/hub.ts'
import { MemoryNet } from './memory/net.ts'
import type { Net, PeerKey } from './types.ts'

export type { Hop, MemoryHubOptions } from './memory/hub.ts'

export interface MemoryHub {
  /** A peer of this hub. Its address is `/memory/KEY`. After `stop` the key may be taken anew. */
  net(key: PeerKey): Net
}

export const createMemoryHub = (options: MemoryHubOptions = {}): MemoryHub => {
  const hub = new Hub(options)
  return { net: key => new MemoryNet(hub, key) }
}
