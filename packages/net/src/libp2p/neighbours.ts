/**
 * Whom we are connected to and why: addresses given at the start, peers found on the local network, peers
 * that others tell of, and those that were lost. Here is decided who is called, who is let in and who is
 * kept out; `Roster` knows who is there, `Redial` when to call.
 */
import { type Logger, type Metrics, systemClock } from '@gradmesh/core'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { badAddress, dialFailed } from '../errors.ts'
import type { Net, PeerKey } from '../types.ts'
import { keyOf, parseAddress, peerIdIn } from './addresses.ts'
import { isAnswered } from './answering.ts'
import { askForPeers, claimedAddresses, type ExchangeInit, knownPeers } from './exchange.ts'
import type { Gate } from './gate.ts'
import type { Gossip } from './gossip.ts'
import type { Node } from './node.ts'
import { Redial } from './redial.ts'
import { Roster } from './roster.ts'

/** Ticks (seconds) between two questions whom others know; in the first ticks one is asked in each. */
const EXCHANGE_EVERY_TICKS = 10
/** How long a peer may take to answer before its connection counts as dead after a sleep. */
const RECHECK_MS_MAX = 5000
/** And where the peer has connected once more meanwhile. */
const OLDER_MS_MAX = 2000

export interface NeighboursInit {
  readonly self: PeerKey
  readonly chainTag: string
  readonly maxConnections: number
  /** Addresses that are called for ever. */
  readonly given: readonly Multiaddr[]
  readonly isExchanging: boolean
  readonly logger: Logger
  readonly metrics: Metrics
  readonly node: Node
  readonly gossip: Gossip
  readonly request: Net['request']
  readonly onConnect: (peer: PeerKey) => void
  readonly onDisconnect: (peer: PeerKey) => void
}

export class Neighbours {
  readonly roster: Roster
  readonly #init: NeighboursInit
  readonly #gate: Gate
  readonly #redial: Redial
  #ticks = 0
  #stopped = false

  constructor(init: NeighboursInit, gate: Gate) {
    this.#init = init
    this.#gate = gate
    const { node, gossip, logger } = init
    this.roster = new Roster({
      node,
      isReached: peer => gossip.reaches(peer),
      hasStreams: peer => gossip.hasStreams(peer),
      onConnect: peer => this.#connected(peer),
      onDisconnect: peer => this.#disconnected(peer),
      // Being identified anew is what makes gossip open its streams on the connection that is left.
      onMoved: connection =>
        void node.services.identify.identify(connection).catch((error: unknown) => {
          logger.debug({ error }, 'gossip could not move to the connection that is left')
        }),
      onAnother: (newer, older) => void this.#endDead(older, OLDER_MS_MAX, () => newer.status === 'open'),
      onMute: peer => void this.#restart(peer)
    })
    this.#redial = new Redial({
      clock: systemClock,
      logger,
      isConnected: peer => this.roster.has(peer),
      hasRoom: () => this.roster.size < init.maxConnections / 2,
      call: async addresses => this.#call(addresses)
    })
    node.addEventListener('self:peer:update', () => {
      if (this.#stopped) return
      node.services.identifyPush.push().catch((error: unknown) => {
        logger.debug({ error }, 'new addresses of our own could not be told')
      })
    })
    node.addEventListener('peer:discovery', ({ detail: { id, multiaddrs } }) => {
      const peer = keyOf(id)
      const addresses = multiaddrs.map(address => withPeer(address, id))
      if (peer !== undefined && peer !== init.self) this.#meet(peer, addresses)
    })
  }

  /** After the node has started. */
  start(): void {
    for (const address of this.#init.given) this.#redial.give(keyIn(address) ?? address.toString(), [address])
  }

  stop(): void {
    this.#stopped = true
    this.#redial.stop()
    this.roster.stop()
  }

  /** Once a second. */
  tick(): void {
    this.roster.tick()
    this.#gate.tick()
    this.#ticks++
    const peers = this.roster.peers()
    const asked = peers[this.#ticks % Math.max(1, peers.length)]
    const isTime = this.#ticks < EXCHANGE_EVERY_TICKS || this.#ticks % EXCHANGE_EVERY_TICKS === 0
    if (asked !== undefined && isTime) this.#askForPeers(asked)
  }

  async dial(text: string): Promise<PeerKey> {
    const address = parseAddress(text)
    const named = keyIn(address)
    if (named === this.#init.self) throw badAddress(text)
    if (named !== undefined) this.#gate.open(named)
    let peer: PeerKey
    try {
      peer = await this.#call([address])
    } catch (cause) {
      throw dialFailed(text, cause)
    }
    await this.roster.ready(peer)
    if (!this.roster.has(peer)) throw dialFailed(text)
    return peer
  }

  async hangUp(peer: PeerKey): Promise<void> {
    this.#gate.shut(peer)
    this.#redial.found(peer)
    await this.#close(peer)
  }

  /** After a sleep: who does not answer a ping in time is called afresh, and all who are lost at once. */
  async recheck(): Promise<void> {
    const connections = this.roster.peers().flatMap(peer => this.roster.connections(peer))
    await this.#endDead(connections, RECHECK_MS_MAX)
    this.hurry()
  }

  /** There is a network again: who waits to be called is called at once. */
  hurry(): void {
    this.#redial.hurry()
  }

  /** Those whose other end does not answer in time; while there is a better one, or whatever there is. */
  async #endDead(
    connections: readonly Connection[],
    timeoutMs: number,
    isBetter: () => boolean = () => true
  ): Promise<void> {
    await Promise.all(
      connections.map(async connection => {
        if ((await isAnswered(connection, timeoutMs)) || !isBetter()) return
        const peer = keyOf(connection.remotePeer)
        this.#init.logger.debug({ peer }, 'a connection does not answer any more; it ends')
        connection.abort(dialFailed(connection.remoteAddr.toString()))
      })
    )
  }

  /** What we answer to whoever asks whom we know. */
  async known(asker: PeerKey): Promise<Uint8Array> {
    return knownPeers(this.#init, this.roster.peers(), asker)
  }

  #connected(peer: PeerKey): void {
    this.#redial.found(peer)
    const address = this.roster.connection(peer)?.remoteAddr.toString()
    this.#init.logger.info({ peer, address }, 'peer connected')
    this.#init.metrics.gauge('net_peers', this.roster.peers().length)
    this.#rememberAddresses(peer).catch((error: unknown) => {
      this.#init.logger.debug({ peer, error }, 'where to call a peer again is not known')
    })
    this.#init.onConnect(peer)
    this.#askForPeers(peer)
  }

  #disconnected(peer: PeerKey): void {
    if (this.#stopped) return
    this.#init.logger.info({ peer }, 'peer disconnected')
    this.#init.metrics.gauge('net_peers', this.roster.peers().length)
    this.#redial.lost(peer, this.#gate.shutForMs(peer))
    this.#init.onDisconnect(peer)
  }

  /** Where to call the peer again: where we called it, else where it says that it listens. */
  async #rememberAddresses(peer: PeerKey): Promise<void> {
    const connection = this.roster.connection(peer)
    if (connection === undefined) return
    const { direction, remoteAddr, remotePeer } = connection
    const addresses =
      direction === 'outbound'
        ? [withPeer(remoteAddr, remotePeer)]
        : await claimedAddresses(this.#init.node, remotePeer, remoteAddr)
    if (!this.#stopped) this.#redial.remember(peer, addresses)
  }

  /** A peer that is not connected was heard of. */
  #meet(peer: PeerKey, addresses: readonly Multiaddr[]): void {
    if (this.#stopped || this.roster.has(peer) || addresses.length === 0) return
    this.#redial.remember(peer, addresses)
    this.#redial.lost(peer, this.#gate.shutForMs(peer))
  }

  #askForPeers(peer: PeerKey): void {
    if (!this.#init.isExchanging || this.#stopped) return
    const { node, self, chainTag, logger, request } = this.#init
    const exchange: ExchangeInit = {
      node,
      self,
      chainTag,
      logger,
      request,
      addressOf: from => this.roster.connection(from)?.remoteAddr,
      isWanted: other => !this.#stopped && !this.roster.has(other) && !this.#redial.isCalling(other),
      onPeer: (other, addresses) => this.#meet(other, addresses)
    }
    void askForPeers(exchange, peer)
  }

  async #call(addresses: readonly Multiaddr[]): Promise<PeerKey> {
    const connection = await this.#init.node.dial([...addresses])
    const peer = keyOf(connection.remotePeer)
    if (peer === undefined) {
      await connection.close()
      throw badAddress(connection.remoteAddr.toString())
    }
    // An address given without a peer id belongs from now on to the peer that answered there.
    const nameless = addresses.find(each => peerIdIn(each) === undefined && this.#init.given.includes(each))
    if (nameless !== undefined) this.#redial.give(peer, [withPeer(nameless, connection.remotePeer)])
    return peer
  }

  async #restart(peer: PeerKey): Promise<void> {
    this.#init.logger.warn({ peer }, 'gossip with a peer has died; its connection is begun afresh')
    this.#init.metrics.count('net_gossip_restarts_total')
    await this.#close(peer)
  }

  async #close(peer: PeerKey): Promise<void> {
    await Promise.all(this.roster.connections(peer).map(async connection => connection.close()))
  }
}

const keyIn = (address: Multiaddr): PeerKey | undefined => {
  const id = peerIdIn(address)
  return id === undefined ? undefined : keyOf(id)
}

const withPeer = (address: Multiaddr, id: PeerId): Multiaddr =>
  peerIdIn(address) === undefined ? address.encapsulate(`/p2p/${id.toString()}`) : address
