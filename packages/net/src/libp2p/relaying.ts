/**
 * Relays from both sides. A peer that others can't call keeps a place at up to two peers of its mesh, and
 * is called through them; a peer that others can call holds such places for members of its mesh, and for
 * nobody else. What flows through it: `circuits.ts`.
 */
import { type Logger, remember, systemClock } from '@gradmesh/core'
import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  type CircuitRelayTransportComponents,
  circuitRelayServer,
  circuitRelayTransport
} from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId, Transport } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { reachOf, widest } from '../reach.ts'
import type { PeerKey } from '../types.ts'
import { isRelayed, keyOf, peerIdOf } from './addresses.ts'
import type { Allowance } from './allowance.ts'
import { callsThroughOwnRelays, circuitComponents } from './circuits.ts'
import { replacing } from './replacing.ts'

const KiB = 1024
const MiB = 1024 * KiB

export const RELAY = {
  /** Places; each costs memory for some streams, and what `perPeer` allows. */
  reservations: {
    maxReservations: 32,
    reservationTtl: 3_600_000,
    // libp2p's limits would cut a circuit after 128 KiB or two minutes. Ours slow a sender down instead.
    applyDefaultLimit: false
  },
  perPeer: { perSecond: 256 * KiB, burst: 32 * MiB },
  /** Circuits of one peer that are open at once, each way. */
  circuitsPerPeer: 32
} as const

/** Relays that a peer keeps a place at, so that it stays reachable when one goes. */
const RELAYS_WANTED = 2
/** A peer that gave no place is asked again after this time, which doubles: it may just have started. */
const REFUSED_MS = 1000
const REFUSED_MS_MAX = 60_000
const REFUSED_MAX = 256
const ADDRESSES_PER_RELAY_MAX = 3

export interface RelayInside
  extends Pick<CircuitRelayTransportComponents, 'addressManager' | 'connectionManager'> {
  readonly transport: Transport
  readonly reservationStore: Reservations
}

interface Place {
  readonly relay: PeerId
  /** Where the relay says it can be called, in bytes. */
  readonly details: { readonly reservation: { readonly addrs: readonly Uint8Array[] } }
}

/** What libp2p's relay transport keeps of its places, as far as it is used here (4.2). It renews them itself. */
interface Reservations {
  hasReservation(relay: PeerId): boolean
  addRelay(relay: PeerId, type: 'configured'): Promise<Place>
  addEventListener(
    type: 'relay:created-reservation' | 'relay:removed',
    listener: (event: { readonly detail: Place }) => void
  ): void
}

/** Whether a place is needed is decided here: libp2p's own search for relays never hears of any. */
const NOBODY = { has: () => true, add: () => {}, remove: () => {} }

export const relayTransport = (components: CircuitRelayTransportComponents): RelayInside => {
  const { addressManager, connectionManager, registrar } = components
  const isRelay = (peer: PeerId): boolean => inside.reservationStore.hasReservation(peer)
  const transport = circuitRelayTransport({
    discoveryFilter: NOBODY,
    maxInboundStopStreams: RELAY.circuitsPerPeer,
    maxOutboundStopStreams: RELAY.circuitsPerPeer
  })(replacing(components, 'registrar', callsThroughOwnRelays(registrar, isRelay)))
  const { reservationStore } = transport as Transport & { readonly reservationStore: Reservations }
  const inside: RelayInside = { transport, reservationStore, addressManager, connectionManager }
  return inside
}

export const relayServer =
  (allowance: Allowance) =>
  (components: CircuitRelayServerComponents): CircuitRelayService =>
    circuitRelayServer({
      hopTimeout: 10_000,
      maxInboundHopStreams: RELAY.circuitsPerPeer,
      maxOutboundStopStreams: RELAY.circuitsPerPeer,
      reservations: RELAY.reservations
    })(circuitComponents(components, allowance))

export interface RelayingInit {
  readonly inside: RelayInside
  readonly logger: Logger
  /** Members of the mesh that are connected. */
  readonly members: () => readonly PeerKey[]
  readonly connectionTo: (peer: PeerKey) => Connection | undefined
  readonly onChange: () => void
}

export class Relaying {
  readonly #init: RelayingInit
  /** Who holds a place for us, with the addresses at which it makes us reachable. */
  readonly #places = new Map<PeerKey, readonly Multiaddr[]>()
  readonly #refused = new Map<PeerKey, { readonly untilMs: number; readonly pauseMs: number }>()
  #isAsking = false

  constructor(init: RelayingInit) {
    this.#init = init
    const { reservationStore } = init.inside
    reservationStore.addEventListener('relay:created-reservation', ({ detail }) => this.#gained(detail))
    reservationStore.addEventListener('relay:removed', ({ detail }) => this.#lost(detail))
  }

  relays(): PeerKey[] {
    return [...this.#places.keys()]
  }

  /** Once a second while others can't call us. */
  async seek(): Promise<void> {
    if (this.#isAsking || this.#places.size >= RELAYS_WANTED) return
    const peer = this.#init.members().find(key => this.#isCandidate(key))
    const id = peer === undefined ? undefined : peerIdOf(peer)
    if (peer === undefined || id === undefined) return
    this.#isAsking = true
    try {
      await this.#init.inside.reservationStore.addRelay(id, 'configured')
    } catch (error) {
      this.#refuse(peer)
      this.#init.logger.debug({ peer, error }, 'a peer does not relay for us')
    } finally {
      this.#isAsking = false
    }
  }

  /** We called it ourselves, so others can. */
  #isCandidate(peer: PeerKey): boolean {
    const connection = this.#init.connectionTo(peer)
    return (
      !this.#places.has(peer) &&
      connection?.direction === 'outbound' &&
      !isRelayed(connection.remoteAddr) &&
      systemClock.nowMs() >= (this.#refused.get(peer)?.untilMs ?? 0)
    )
  }

  #refuse(peer: PeerKey): void {
    const pauseMs = Math.min(REFUSED_MS_MAX, 2 * (this.#refused.get(peer)?.pauseMs ?? REFUSED_MS / 2))
    remember(this.#refused, peer, { untilMs: systemClock.nowMs() + pauseMs, pauseMs }, REFUSED_MAX)
  }

  /** Also when a place was renewed: the relay may have other addresses by now. */
  #gained({ relay, details }: Place): void {
    const key = keyOf(relay)
    if (key === undefined) return
    const before = this.#places.get(key) ?? []
    const after = circuitAddresses(details.reservation.addrs)
    const { addressManager } = this.#init.inside
    for (const address of after) addressManager.confirmObservedAddr(address, { type: 'observed' })
    for (const address of before.filter(old => !after.some(each => each.equals(old))))
      addressManager.removeObservedAddr(address)
    this.#places.set(key, after)
    this.#refused.delete(key)
    this.#init.onChange()
  }

  #lost({ relay }: Pick<Place, 'relay'>): void {
    const key = keyOf(relay)
    const addresses = key === undefined ? undefined : this.#places.get(key)
    if (key === undefined || addresses === undefined) return
    for (const address of addresses) this.#init.inside.addressManager.removeObservedAddr(address)
    this.#places.delete(key)
    this.#init.onChange()
  }
}

/** Of the relay's addresses those that reach farthest. */
const circuitAddresses = (encoded: readonly Uint8Array[]): Multiaddr[] => {
  const addresses = encoded.flatMap(bytes => {
    try {
      return [multiaddr(bytes)]
    } catch {
      return []
    }
  })
  const reach = widest(addresses.map(address => reachOf(address.toString())))
  return addresses
    .filter(address => reachOf(address.toString()) === reach && !isRelayed(address))
    .slice(0, ADDRESSES_PER_RELAY_MAX)
    .map(address => address.encapsulate('/p2p-circuit'))
}
