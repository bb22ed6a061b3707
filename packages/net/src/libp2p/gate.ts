/**
 * Who may connect, asked once a peer has proved its key, and for whom this peer relays. Shut for a while to
 * those that were hung up on.
 */
import { systemClock } from '@gradmesh/core'
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { HANG_UP_QUIET_MS } from '../limits.ts'
import type { PeerKey } from '../types.ts'
import { keyOf } from './addresses.ts'
import type { Meter } from './meter.ts'

/** Connections that one peer may hold with us: both sides may call at once, and a dead one may linger. */
const CONNECTIONS_PER_PEER_MAX = 4

type MayRelay = (peer: PeerKey) => boolean

export class Gate {
  readonly #meter: Meter
  readonly #mayRelay: MayRelay
  readonly #shutUntilMs = new Map<PeerKey, number>()

  constructor(meter: Meter, mayRelay: MayRelay) {
    this.#meter = meter
    this.#mayRelay = mayRelay
  }

  readonly gater: ConnectionGater = {
    denyInboundEncryptedConnection: (id, connection) => this.#denies(id, connection, true),
    denyOutboundEncryptedConnection: (id, connection) => this.#denies(id, connection, false),
    denyInboundRelayReservation: id => !this.#relaysFor(id),
    denyOutboundRelayedConnection: (source, destination) =>
      !this.#relaysFor(source) || !this.#relaysFor(destination)
  }

  shut(peer: PeerKey): void {
    this.#shutUntilMs.set(peer, systemClock.nowMs() + HANG_UP_QUIET_MS)
  }

  open(peer: PeerKey): void {
    this.#shutUntilMs.delete(peer)
  }

  /** Undefined when it is open. */
  shutForMs(peer: PeerKey): number | undefined {
    const untilMs = this.#shutUntilMs.get(peer)
    return untilMs === undefined ? undefined : Math.max(0, untilMs - systemClock.nowMs())
  }

  tick(): void {
    const now = systemClock.nowMs()
    for (const [peer, untilMs] of this.#shutUntilMs) if (untilMs < now) this.open(peer)
  }

  #relaysFor(id: PeerId): boolean {
    const peer = keyOf(id)
    return peer !== undefined && (this.shutForMs(peer) ?? 0) === 0 && this.#mayRelay(peer)
  }

  #denies(id: PeerId, connection: MultiaddrConnection, isInbound: boolean): boolean {
    const peer = keyOf(id)
    if (peer === undefined || this.#meter.connections(peer) >= CONNECTIONS_PER_PEER_MAX) return true
    if (isInbound && (this.shutForMs(peer) ?? 0) > 0) return true
    this.#meter.track(peer, connection)
    return false
  }
}
