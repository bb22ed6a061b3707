/**
 * The network port on libp2p 3. This file puts the parts together: the node and its limits (`node.ts`),
 * gossip and its scores (`gossip.ts`, `scoring.ts`), direct requests (`streams.ts`), who is connected
 * (`roster.ts`), who is called again (`redial.ts`), who is known (`exchange.ts`), bytes (`meter.ts`).
 */
import { type Logger, type Metrics, systemClock } from '@gradmesh/core'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { ConnectionGater, Ed25519PrivateKey, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { aborted, badAddress, badOptions, dialFailed, listenFailed, portInUse, wrongState } from './errors.ts'
import { keyOf, parseAddress, peerIdIn, portOf } from './libp2p/addresses.ts'
import {
  askForPeers,
  claimedAddresses,
  type ExchangeInit,
  knownPeers,
  peersProtocol
} from './libp2p/exchange.ts'
import { Gossip } from './libp2p/gossip.ts'
import { Meter } from './libp2p/meter.ts'
import { createNode, type Node } from './libp2p/node.ts'
import { Redial } from './libp2p/redial.ts'
import { Roster } from './libp2p/roster.ts'
import { scoring } from './libp2p/scoring.ts'
import { Streams } from './libp2p/streams.ts'
import { HANG_UP_QUIET_MS } from './limits.ts'
import { PeerListeners } from './listeners.ts'
import { Registry } from './registry.ts'
import { Strikes } from './strikes.ts'
import { Tally } from './tally.ts'
import type {
  GossipHandler,
  Net,
  PeerConnection,
  PeerKey,
  RequestHandler,
  RequestOptions,
  TopicOptions,
  Traffic
} from './types.ts'

export interface Libp2pNetOptions {
  /** Ed25519 seed, 32 bytes. */
  readonly secretKey: Uint8Array
  /** TCP multiaddrs; port 0 takes a free port. */
  readonly listen: readonly string[]
  /** Multiaddrs that are called at the start and for ever after a loss. */
  readonly bootstrap: readonly string[]
  /** Find peers of the same mesh on the local network. */
  readonly mdns: boolean
  /** Short name of the mesh, 1 to 32 lower-case letters, digits or hyphens: keeps meshes on one network apart. */
  readonly chainTag: string
  readonly logger: Logger
  readonly metrics: Metrics
  /** Default 64. */
  readonly maxConnections?: number
  /** Ask peers whom they know and connect to them, up to half of `maxConnections`. Default true. */
  readonly peerExchange?: boolean
}

/** Connections that one peer may hold with us: both sides may call at once, and a dead one may linger. */
const CONNECTIONS_PER_PEER_MAX = 4
const EXCHANGE_EVERY_TICKS = 10
const STOP_MS_MAX = 700

/**
 * @throws `NET_OPTIONS` or `NET_BAD_ADDRESS` for options that cannot work. `start` throws
 * `NET_PORT_IN_USE` or `NET_LISTEN_FAILED`.
 */
export const createLibp2pNet = async (options: Libp2pNetOptions): Promise<Net> => {
  if (options.secretKey.length !== 32) throw badOptions('the secret key must be an Ed25519 seed of 32 bytes')
  if (!/^[a-z0-9-]{1,32}$/.test(options.chainTag)) {
    throw badOptions('the chain tag must be 1 to 32 lower-case letters, digits or hyphens')
  }
  const maxConnections = options.maxConnections ?? 64
  if (!Number.isInteger(maxConnections) || maxConnections < 2)
    throw badOptions('maxConnections must be 2 or more')
  for (const address of options.listen) parseAddress(address)
  for (const address of options.bootstrap) peerIdIn(parseAddress(address))
  const privateKey = await generateKeyPairFromSeed('Ed25519', options.secretKey)
  return new Libp2pNet(options, privateKey, maxConnections)
}

class Libp2pNet implements Net {
  readonly self: PeerKey
  readonly #options: Libp2pNetOptions
  readonly #privateKey: Ed25519PrivateKey
  readonly #maxConnections: number
  readonly #registry = new Registry()
  readonly #tally = new Tally()
  readonly #meter = new Meter()
  readonly #strikes = new Strikes(systemClock)
  readonly #connectListeners: PeerListeners
  readonly #disconnectListeners: PeerListeners
  readonly #quietUntilMs = new Map<PeerKey, number>()
  readonly #bootstrap: readonly Multiaddr[]
  #parts: Parts | undefined
  #stopped = false

  constructor(options: Libp2pNetOptions, privateKey: Ed25519PrivateKey, maxConnections: number) {
    this.#options = options
    this.#privateKey = privateKey
    this.#maxConnections = maxConnections
    this.#bootstrap = options.bootstrap.map(parseAddress)
    this.#connectListeners = new PeerListeners(options.logger)
    this.#disconnectListeners = new PeerListeners(options.logger)
    this.self = keyOf(peerIdFromPrivateKey(privateKey)) as PeerKey
  }

  subscribe(topic: string, { maxBytes }: TopicOptions, handler: GossipHandler): void {
    this.#registry.subscribe(topic, { maxBytes, handler })
  }

  handle(protocol: string, maxRequestBytes: number, handler: RequestHandler): void {
    this.#registry.handle(protocol, { maxRequestBytes, handler })
  }

  onConnect(listener: (peer: PeerKey) => void): void {
    this.#connectListeners.add(listener)
  }

  onDisconnect(listener: (peer: PeerKey) => void): void {
    this.#disconnectListeners.add(listener)
  }

  async start(): Promise<void> {
    if (this.#options.peerExchange !== false) {
      this.handle(peersProtocol(this.#options.chainTag), 0, async (_, asker) => {
        const { node, roster } = this.#running()
        return knownPeers({ node, self: this.self, peers: () => roster.peers() }, asker)
      })
    }
    this.#registry.close()
    const { logger, metrics } = this.#options
    const own = peerIdFromPrivateKey(this.#privateKey)
    const others = this.#bootstrap.filter(address => peerIdIn(address)?.equals(own) !== true)
    const node = await createNode({
      ...this.#options,
      privateKey: this.#privateKey,
      maxConnections: this.#maxConnections,
      bootstrap: others.filter(address => peerIdIn(address) !== undefined).map(String),
      topics: this.#registry.topics,
      scoring: scoring(this.#registry.topics.keys(), id => this.#strikes.isOut(keyOfText(id))),
      gater: this.#gater()
    })
    const gossip = new Gossip(node.services.pubsub, this.#registry, {
      strikes: this.#strikes,
      tally: this.#tally,
      logger,
      metrics
    })
    const roster = new Roster({
      node,
      isReached: peer => gossip.reaches(peer),
      hasStreams: peer => gossip.hasStreams(peer),
      onConnect: peer => this.#connected(peer),
      onDisconnect: peer => this.#disconnected(peer),
      onMute: peer => void this.#restartConnection(peer)
    })
    const streams = new Streams({
      node,
      registry: this.#registry,
      tally: this.#tally,
      logger,
      metrics,
      connectionTo: peer => roster.connection(peer)
    })
    const redial = new Redial({
      clock: systemClock,
      logger,
      isConnected: peer => roster.has(peer),
      hasRoom: () => roster.size < this.#maxConnections / 2,
      call: async addresses => this.#call(addresses)
    })
    this.#parts = { node, gossip, roster, streams, redial, timer: undefined, ticks: 0 }
    gossip.validate()
    node.addEventListener('peer:discovery', ({ detail }) => this.#discovered(detail.id, detail.multiaddrs))
    await streams.start()
    try {
      await node.start()
    } catch (error) {
      this.#stopped = true
      roster.stop()
      await Promise.resolve(node.stop()).catch(() => undefined)
      throw this.#whyNotListening(error)
    }
    gossip.subscribe()
    for (const address of others) redial.give(keyIn(address) ?? address.toString(), [address])
    this.#parts.timer = setInterval(() => this.#tick(), 1000)
  }

  async stop(): Promise<void> {
    if (this.#parts === undefined || this.#stopped) return
    this.#stopped = true
    const { node, roster, streams, redial, timer } = this.#parts
    clearInterval(timer)
    redial.stop()
    roster.stop()
    streams.stop()
    await settleWithin(STOP_MS_MAX / 2, Promise.all(node.getConnections().map(async each => each.close())))
    for (const connection of node.getConnections()) connection.abort(wrongState('the net stops'))
    await Promise.resolve(node.stop())
  }

  addresses(): readonly string[] {
    return this.#running().node.getMultiaddrs().map(String)
  }

  async dial(address: string): Promise<PeerKey> {
    const { roster } = this.#running()
    const target = parseAddress(address)
    const named = keyIn(target)
    if (named === this.self) throw badAddress(address)
    if (named !== undefined) this.#quietUntilMs.delete(named)
    let peer: PeerKey
    try {
      peer = await this.#call([target])
    } catch (cause) {
      throw dialFailed(address, cause)
    }
    await roster.ready(peer)
    if (!roster.has(peer)) throw dialFailed(address)
    return peer
  }

  async hangUp(peer: PeerKey): Promise<void> {
    const { roster, redial } = this.#running()
    this.#quietUntilMs.set(peer, systemClock.nowMs() + HANG_UP_QUIET_MS)
    redial.found(peer)
    await Promise.all(roster.connections(peer).map(async connection => connection.close()))
  }

  peers(): readonly PeerConnection[] {
    const { gossip, roster } = this.#running()
    return roster.peers().flatMap(key => {
      const connection = roster.connection(key)
      if (connection === undefined) return []
      const bytes = this.#meter.of(key)
      return {
        key,
        address: connection.remoteAddr.toString(),
        direction: connection.direction,
        rttMs: connection.rtt ?? null,
        score: gossip.score(key),
        graylisted: gossip.isGraylisted(key),
        bytesSent: bytes.sent,
        bytesReceived: bytes.received
      }
    })
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    await this.#running().gossip.publish(topic, message)
  }

  async request(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    options: RequestOptions
  ): Promise<Uint8Array> {
    if (options.signal?.aborted === true) throw aborted(peer, protocol)
    return this.#running().streams.request(peer, protocol, message, options)
  }

  traffic(): Traffic {
    const { sent, received } = this.#meter.total()
    return { bytesSent: sent, bytesReceived: received, byTopic: this.#tally.snapshot() }
  }

  #running(): Parts {
    if (this.#parts === undefined || this.#stopped) throw wrongState('the net is not running')
    return this.#parts
  }

  #connected(peer: PeerKey): void {
    if (this.#stopped) return
    const { redial, roster } = this.#running()
    redial.found(peer)
    this.#options.logger.info(
      { peer, address: roster.connection(peer)?.remoteAddr.toString() },
      'peer connected'
    )
    this.#options.metrics.gauge('net_peers', roster.peers().length)
    void this.#rememberAddresses(peer)
    this.#connectListeners.tell(peer)
    if (this.#options.peerExchange !== false) void askForPeers(this.#exchange(), peer)
  }

  #disconnected(peer: PeerKey): void {
    if (this.#stopped) return
    const { redial, roster } = this.#running()
    this.#options.logger.info({ peer }, 'peer disconnected')
    this.#options.metrics.gauge('net_peers', roster.peers().length)
    redial.lost(peer, this.#quietMs(peer))
    this.#disconnectListeners.tell(peer)
  }

  /** Where to call the peer again: where we called it, else where it says that it listens. */
  async #rememberAddresses(peer: PeerKey): Promise<void> {
    const { node, redial, roster } = this.#running()
    const connection = roster.connection(peer)
    if (connection === undefined) return
    if (connection.direction === 'outbound') {
      redial.remember(peer, [withPeer(connection.remoteAddr, connection.remotePeer)])
      return
    }
    const addresses = await claimedAddresses(node, connection.remotePeer, connection.remoteAddr)
    if (!this.#stopped) redial.remember(peer, addresses)
  }

  #discovered(id: PeerId, addresses: readonly Multiaddr[]): void {
    const peer = keyOf(id)
    if (peer === undefined || peer === this.self || this.#stopped) return
    this.#meet(
      peer,
      addresses.map(address => withPeer(address, id))
    )
  }

  #meet(peer: PeerKey, addresses: readonly Multiaddr[]): void {
    const { redial, roster } = this.#running()
    if (roster.has(peer) || addresses.length === 0) return
    redial.remember(peer, addresses)
    redial.lost(peer, this.#quietMs(peer))
  }

  #exchange(): ExchangeInit {
    const { node, roster, redial, streams } = this.#running()
    return {
      node,
      self: this.self,
      chainTag: this.#options.chainTag,
      logger: this.#options.logger,
      request: async (...args) => streams.request(...args),
      peers: () => roster.peers(),
      addressOf: peer => roster.connection(peer)?.remoteAddr,
      isWanted: peer => !this.#stopped && !roster.has(peer) && !redial.isCalling(peer),
      onPeer: (peer, addresses) => {
        if (!this.#stopped) this.#meet(peer, addresses)
      }
    }
  }

  async #call(addresses: readonly Multiaddr[]): Promise<PeerKey> {
    const { node, redial } = this.#running()
    const connection = await node.dial([...addresses])
    const peer = keyOf(connection.remotePeer)
    if (peer === undefined) {
      await connection.close()
      throw badAddress(connection.remoteAddr.toString())
    }
    const nameless = this.#bootstrap.find(given => given.equals(addresses[0] as Multiaddr))
    if (nameless !== undefined && peerIdIn(nameless) === undefined) {
      redial.give(peer, [withPeer(nameless, connection.remotePeer)])
    }
    return peer
  }

  async #restartConnection(peer: PeerKey): Promise<void> {
    if (this.#stopped) return
    this.#options.logger.warn({ peer }, 'gossip with a peer has died; its connection is begun afresh')
    this.#options.metrics.count('net_gossip_restarts_total')
    await Promise.all(
      this.#running()
        .roster.connections(peer)
        .map(async connection => connection.close())
    )
  }

  #tick(): void {
    const parts = this.#running()
    const { roster, gossip } = parts
    roster.tick()
    for (const peer of roster.peers()) {
      if (gossip.isBelowGraylist(peer) && !this.#strikes.isOut(peer)) this.#strikes.expel(peer)
    }
    parts.ticks++
    const peers = roster.peers()
    const asked = peers[parts.ticks % Math.max(1, peers.length)]
    const isTime = parts.ticks < EXCHANGE_EVERY_TICKS || parts.ticks % EXCHANGE_EVERY_TICKS === 0
    if (this.#options.peerExchange !== false && asked !== undefined && isTime)
      void askForPeers(this.#exchange(), asked)
    const now = systemClock.nowMs()
    for (const [peer, untilMs] of this.#quietUntilMs) if (untilMs < now) this.#quietUntilMs.delete(peer)
  }

  /** How long the peer shall not be called, because we hung up on it; `undefined`: not at all. */
  #quietMs(peer: PeerKey): number | undefined {
    const untilMs = this.#quietUntilMs.get(peer)
    return untilMs === undefined ? undefined : Math.max(0, untilMs - systemClock.nowMs())
  }

  #gater(): ConnectionGater {
    const admit = (id: PeerId, connection: MultiaddrConnection, isInbound: boolean): boolean => {
      const peer = keyOf(id)
      if (peer === undefined || this.#stopped) return true
      if (this.#meter.connections(peer) >= CONNECTIONS_PER_PEER_MAX) return true
      if (isInbound && (this.#quietMs(peer) ?? 0) > 0) return true
      this.#meter.track(peer, connection)
      return false
    }
    return {
      denyInboundEncryptedConnection: (id, connection) => admit(id, connection, true),
      denyOutboundEncryptedConnection: (id, connection) => admit(id, connection, false)
    }
  }

  #whyNotListening(error: unknown): Error {
    const text = error instanceof Error ? error.message : String(error)
    if (!text.includes('EADDRINUSE')) return listenFailed(this.#options.listen, error)
    const taken =
      this.#options.listen.find(address => text.includes(`:${portOf(parseAddress(address))}`)) ??
      this.#options.listen[0] ??
      ''
    return portInUse(taken, portOf(parseAddress(taken)), error)
  }
}

interface Parts {
  readonly node: Node
  readonly gossip: Gossip
  readonly roster: Roster
  readonly streams: Streams
  readonly redial: Redial
  timer: NodeJS.Timeout | undefined
  ticks: number
}

const keyOfText = (id: string): PeerKey => keyOf(peerIdFromString(id)) ?? ''

const keyIn = (address: Multiaddr): PeerKey | undefined => {
  const id = peerIdIn(address)
  return id === undefined ? undefined : keyOf(id)
}

const withPeer = (address: Multiaddr, id: PeerId): Multiaddr =>
  peerIdIn(address) === undefined ? address.encapsulate(`/p2p/${id.toString()}`) : address

const settleWithin = async (timeMs: number, work: Promise<unknown>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeMs)
  })
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}
