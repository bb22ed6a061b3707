/**
 * The network port on libp2p 3. This file puts the parts together: the node and its limits (`node.ts`),
 * gossip and its scores (`gossip.ts`, `scoring.ts`), direct requests (`streams.ts`), whom we are connected
 * to (`neighbours.ts`), bytes (`meter.ts`).
 */
import { type Logger, type MeshError, type Metrics, systemClock, toHex } from '@gradmesh/core'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { badOptions, listenFailed, portInUse, wrongState } from './errors.ts'
import { keyOf, parseAddress, parseDirectAddress, peerIdIn, portOf, relayIn } from './libp2p/addresses.ts'
import { Allowance } from './libp2p/allowance.ts'
import { peersProtocol } from './libp2p/exchange.ts'
import { Gate } from './libp2p/gate.ts'
import { Gossip } from './libp2p/gossip.ts'
import { Meter } from './libp2p/meter.ts'
import { Neighbours } from './libp2p/neighbours.ts'
import { createNode, lateWork, type Node } from './libp2p/node.ts'
import { dialable } from './libp2p/own-addresses.ts'
import { CallingBack, PROBE_REQUEST_BYTES_MAX, probeProtocol } from './libp2p/probing.ts'
import { Reaching } from './libp2p/reaching.ts'
import { RELAY, type RelayInside } from './libp2p/relaying.ts'
import { Roaming } from './libp2p/roaming.ts'
import { scoring } from './libp2p/scoring.ts'
import { type Bandwidth, Shaper } from './libp2p/shaping.ts'
import { Streams } from './libp2p/streams.ts'
import { Listeners } from './listeners.ts'
import { Registry } from './registry.ts'
import { Strikes } from './strikes.ts'
import { Tally } from './tally.ts'
import type {
  Net,
  PeerConnection,
  PeerKey,
  Reachability,
  RelayMode,
  RequestOptions,
  Traffic
} from './types.ts'

export type { Bandwidth } from './libp2p/shaping.ts'

export interface Libp2pNetOptions {
  /** Ed25519 seed, 32 bytes. */
  readonly secretKey: Uint8Array
  /** TCP multiaddrs; port 0 takes a free port. */
  readonly listen: readonly string[]
  /** Multiaddrs that are called at the start and for ever after a loss. */
  readonly bootstrap: readonly string[]
  /** Addresses that others should dial besides those that this peer finds out. */
  readonly announce?: readonly string[]
  /** Ask the router to forward the port. Default false. */
  readonly upnp?: boolean
  /** Relay for members of the mesh that others can't call: always, never, or (default) when others can call this peer. */
  readonly relay?: RelayMode
  /** Find peers of the same mesh on the local network. */
  readonly mdns: boolean
  /** Short name of the mesh, 1 to 32 lower-case letters, digits or hyphens: keeps meshes on one network apart. */
  readonly chainTag: string
  readonly logger: Logger
  readonly metrics: Metrics
  /** Default 64. */
  readonly maxConnections?: number
  /** Caps over all connections together; none when left out. */
  readonly bandwidth?: Bandwidth
  /** Ask peers whom they know and connect to them, up to half of `maxConnections`; answering is always on. Default true. */
  readonly peerExchange?: boolean
}

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
  for (const address of [...options.listen, ...(options.announce ?? [])]) parseDirectAddress(address)
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
  readonly #meter: Meter
  readonly #strikes = new Strikes(systemClock)
  readonly #roaming = new Roaming()
  readonly #allowance = new Allowance(RELAY.perPeer, systemClock)
  readonly #connectListeners: Listeners<PeerKey>
  readonly #disconnectListeners: Listeners<PeerKey>
  readonly #reachListeners: Listeners<Reachability>
  #parts: Parts | undefined
  #stopped = false

  constructor(options: Libp2pNetOptions, privateKey: Ed25519PrivateKey, maxConnections: number) {
    this.#options = options
    const { bandwidth } = options
    this.#meter = new Meter(bandwidth === undefined ? undefined : new Shaper(bandwidth, systemClock))
    this.#privateKey = privateKey
    this.#maxConnections = maxConnections
    this.#connectListeners = new Listeners(options.logger)
    this.#disconnectListeners = new Listeners(options.logger)
    this.#reachListeners = new Listeners(options.logger)
    this.self = toHex(privateKey.publicKey.raw)
  }

  subscribe(...topic: Parameters<Registry['subscribe']>): void {
    this.#registry.subscribe(...topic)
  }

  handle(...protocol: Parameters<Registry['handle']>): void {
    this.#registry.handle(...protocol)
  }

  onConnect(listener: (peer: PeerKey) => void): void {
    this.#connectListeners.add(listener)
  }

  onDisconnect(listener: (peer: PeerKey) => void): void {
    this.#disconnectListeners.add(listener)
  }

  onReachability(listener: (reachability: Reachability) => void): void {
    this.#reachListeners.add(listener)
  }

  async start(): Promise<void> {
    const { chainTag, listen, logger } = this.#options
    this.handle(probeProtocol(chainTag), PROBE_REQUEST_BYTES_MAX, async (request, asker) =>
      this.#running().callingBack.answer(request, asker)
    )
    this.handle(peersProtocol(chainTag), 0, async (_, asker) => this.#running().neighbours.known(asker))
    this.#registry.close()
    const parts = await this.#assemble()
    this.#parts = parts
    const { node, gossip, neighbours, streams } = parts
    gossip.validate()
    await streams.start()
    try {
      await node.start()
    } catch (error) {
      this.#stopped = true
      neighbours.stop()
      await Promise.resolve(node.stop()).catch((cause: unknown) => {
        logger.debug({ error: cause }, 'a node that did not start did not stop cleanly either')
      })
      throw whyNotListening(listen, error)
    }
    gossip.subscribe()
    neighbours.start()
    parts.timer = setInterval(() => this.#tick(), 1000)
  }

  async stop(): Promise<void> {
    if (this.#parts === undefined || this.#stopped) return
    this.#stopped = true
    const { node, inside, neighbours, streams, timer } = this.#parts
    clearInterval(timer)
    neighbours.stop()
    streams.stop()
    await settleWithin(STOP_MS_MAX / 2, Promise.all(node.getConnections().map(async each => each.close())))
    for (const connection of node.getConnections()) connection.abort(wrongState('the net stops'))
    await node.stop()
    for (const late of lateWork(node, inside)) late.stop()
  }

  addresses(): readonly string[] {
    return dialable(this.#running().inside.addressManager, this.#running().node.peerId).map(String)
  }

  async dial(address: string): Promise<PeerKey> {
    return this.#running().neighbours.dial(address)
  }

  async hangUp(peer: PeerKey): Promise<void> {
    await this.#running().neighbours.hangUp(peer)
  }

  async recheck(): Promise<void> {
    await this.#running().neighbours.recheck()
  }

  peers(): readonly PeerConnection[] {
    const { gossip, neighbours } = this.#running()
    return neighbours.roster.peers().flatMap(key => {
      const connection = neighbours.roster.connection(key)
      if (connection === undefined) return []
      const bytes = this.#meter.of(key)
      return {
        key,
        address: connection.remoteAddr.toString(),
        relay: relayIn(connection.remoteAddr) ?? null,
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
    return this.#running().streams.request(peer, protocol, message, options)
  }

  traffic(): Traffic {
    const { sent, received } = this.#meter.total()
    return { bytesSent: sent, bytesReceived: received, byTopic: this.#tally.snapshot() }
  }

  welcome(peer: PeerKey): void {
    this.#running().reaching.welcome(peer)
  }

  reachability(): Reachability {
    return this.#running().reaching.reachability()
  }

  async #assemble(): Promise<Parts> {
    const { bootstrap, chainTag, listen, logger, mdns, metrics, peerExchange } = this.#options
    const { announce = [], relay = 'auto', upnp = false } = this.#options
    const own = peerIdFromPrivateKey(this.#privateKey)
    const given = bootstrap.map(parseAddress).filter(address => peerIdIn(address)?.equals(own) !== true)
    const gate = new Gate(
      this.#meter,
      peer => reaching.isMember(peer) && (relay === 'on' || reaching.isReachable)
    )
    const { node, inside } = await createNode({
      privateKey: this.#privateKey,
      listen,
      announce,
      upnp: upnp && !listen.every(isLoopback),
      relayAllowance: relay === 'off' ? null : this.#allowance,
      bootstrap: given.filter(address => peerIdIn(address) !== undefined).map(String),
      mdns,
      chainTag,
      maxConnections: this.#maxConnections,
      topics: this.#registry.topics,
      scoring: scoring(this.#registry.topics.keys(), id => this.#strikes.isOut(keyOfText(id))),
      gater: gate.gater
    })
    const shared = { tally: this.#tally, logger, metrics }
    const gossip = new Gossip(node.services.pubsub, this.#registry, {
      ...shared,
      clock: systemClock,
      strikes: this.#strikes
    })
    const streams: Streams = new Streams({
      ...shared,
      node,
      registry: this.#registry,
      connectionTo: peer => neighbours.roster.connection(peer)
    })
    const neighbours = new Neighbours(
      {
        self: this.self,
        chainTag,
        maxConnections: this.#maxConnections,
        given,
        isExchanging: peerExchange !== false,
        logger,
        metrics,
        node,
        gossip,
        request: async (...args) => streams.request(...args),
        onConnect: peer => this.#connectListeners.tell(peer),
        onDisconnect: peer => {
          reaching.left(peer)
          this.#disconnectListeners.tell(peer)
        }
      },
      gate
    )
    const connectionTo = (peer: PeerKey): Connection | undefined => neighbours.roster.connection(peer)
    const reaching = new Reaching({
      inside,
      chainTag,
      isAnnounced: announce.length > 0,
      hasGiven: given.length > 0,
      logger,
      request: async (...args) => streams.request(...args),
      peers: () => neighbours.roster.peers(),
      connectionTo,
      tell: reachability => this.#reachListeners.tell(reachability)
    })
    const callingBack = new CallingBack({ inside, connectionTo, isMember: peer => reaching.isMember(peer) })
    return { node, inside, gossip, neighbours, streams, reaching, callingBack, timer: undefined }
  }

  /** Once a second. Who fell below the graylist by what gossipsub refused stays out when it reconnects. */
  #tick(): void {
    const { gossip, neighbours, reaching } = this.#running()
    this.#roam()
    neighbours.tick()
    reaching.tick()
    this.#options.metrics.gauge('net_relayed_bytes', this.#allowance.taken)
    for (const peer of neighbours.roster.peers()) {
      if (!gossip.isBelowGraylist(peer) || this.#strikes.isOut(peer)) continue
      this.#options.logger.warn(
        { peer },
        'gossip refused what this peer sent: it is not read for ten minutes. A peer of yours may run another release'
      )
      this.#strikes.expel(peer)
    }
  }

  #roam(): void {
    const { lost, isNew } = this.#roaming.look()
    if (lost.length > 0) {
      this.#options.logger.info(
        { lost },
        'this machine has left a network: what was connected from there ends'
      )
      this.#meter.cut(lost)
    }
    if (isNew) this.#running().neighbours.hurry()
  }

  #running(): Parts {
    if (this.#parts === undefined || this.#stopped) throw wrongState('the net is not running')
    return this.#parts
  }
}

interface Parts {
  readonly node: Node
  readonly inside: RelayInside
  readonly reaching: Reaching
  readonly callingBack: CallingBack
  readonly gossip: Gossip
  readonly neighbours: Neighbours
  readonly streams: Streams
  timer: NodeJS.Timeout | undefined
}

const whyNotListening = (listen: readonly string[], error: unknown): MeshError => {
  const text = error instanceof Error ? error.message : String(error)
  if (!text.includes('EADDRINUSE')) return listenFailed(listen, error)
  const taken = listen.find(address => text.includes(`:${portOf(parseAddress(address))}`)) ?? listen[0] ?? ''
  return portInUse(taken, portOf(parseAddress(taken)), error)
}

/** Such a peer has nothing that a router could forward. */
const isLoopback = (address: string): boolean => /^\/ip(4\/127\.|6\/::1\/)/.test(address)

const keyOfText = (id: string): PeerKey => keyOf(peerIdFromString(id)) ?? ''

const settleWithin = async (timeMs: number, work: Promise<unknown>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeMs)
  })
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}
