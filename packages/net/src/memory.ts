/**
 * The network port without a network: peers in one process, joined by a hub. It keeps the meaning of the
 * libp2p adapter (verdicts, forwarding, scores, bounds, errors) and none of its sockets. With a clock of
 * virtual time the same seed gives the same run; with the system's, real timers order the events.
 *
 * Loss strikes gossip, hop by hop; requests are streams, and streams do not lose bytes.
 */
import {
  type Clock,
  type Logger,
  type Metrics,
  Prng,
  pause,
  silentLogger,
  silentMetrics,
  systemClock
} from '@gradmesh/core'
import {
  aborted,
  badAddress,
  busy,
  dialFailed,
  messageTooLong,
  peerGone,
  protocolUnknown,
  replyTooLong,
  requestFailed,
  requestTooLong,
  timedOut,
  topicUnknown,
  wrongState
} from './errors.ts'
import { HANG_UP_QUIET_MS, REQUESTS_MAX } from './limits.ts'
import { Listeners } from './listeners.ts'
import { isSameReachability, judgeReachability } from './reachability.ts'
import { Registry } from './registry.ts'
import { Strikes } from './strikes.ts'
import { Tally } from './tally.ts'
import type { Net, PeerConnection, PeerKey, Reachability, RequestOptions, Traffic } from './types.ts'
import { judge } from './verdict.ts'

/** Messages that wait for one peer from another; more are dropped and counted. */
const QUEUE_MAX = 1024
/** Message ids remembered by a peer, so that each message is judged once. */
const SEEN_MAX = 16_384
const NOTHING = new Uint8Array()
const ADDRESS = /^\/memory\/([0-9a-f]{64})$/

/** Something on its way from one peer to the next. */
export interface Hop {
  readonly from: PeerKey
  readonly to: PeerKey
  /** The gossip topic, or the protocol of a request and its reply; empty for a dial. */
  readonly name: string
  readonly message: Uint8Array
}

export interface MemoryHubOptions {
  /** For delays and losses; default 0. */
  readonly seed?: number | string
  /** Each hop takes a time drawn from this range; the order between two peers is kept. Default: no time. */
  readonly delay?: { readonly minMs: number; readonly maxMs: number }
  /** The share of gossip messages that a hop loses, 0 to 1; default 0. */
  readonly loss?: number
  /**
   * In the place of `delay` and `loss`: after how many milliseconds the copies of something arrive, none
   * when it is lost, and then a request waits until it times out. Here gossip may overtake gossip.
   */
  readonly route?: (hop: Hop) => readonly number[]
  readonly clock?: Clock
  readonly logger?: Logger
  readonly metrics?: Metrics
}

export interface MemoryHub {
  /** A peer of this hub. Its address is `/memory/KEY`. After `stop` the key may be taken anew. */
  net(key: PeerKey): Net
}

export const createMemoryHub = (options: MemoryHubOptions = {}): MemoryHub => {
  const hub = new Hub(options)
  return { net: key => new MemoryNet(hub, key) }
}

interface Envelope {
  readonly topic: string
  readonly id: string
  readonly author: PeerKey
  readonly message: Uint8Array
}

class Hub {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly route: ((hop: Hop) => readonly number[]) | undefined
  readonly running = new Map<PeerKey, MemoryNet>()
  readonly #prng: Prng
  readonly #delay: { readonly minMs: number; readonly maxMs: number }
  readonly #loss: number

  constructor(options: MemoryHubOptions) {
    this.clock = options.clock ?? systemClock
    this.logger = options.logger ?? silentLogger
    this.metrics = options.metrics ?? silentMetrics
    this.#prng = new Prng(options.seed ?? 0)
    this.#delay = options.delay ?? { minMs: 0, maxMs: 0 }
    this.#loss = options.loss ?? 0
    this.route = options.route
  }

  drawDelayMs(): number {
    const { minMs, maxMs } = this.#delay
    return minMs + (maxMs > minMs ? this.#prng.below(maxMs - minMs + 1) : 0)
  }

  /** Resolves at the other end of a stream; never, when it is cut on the way. */
  travel(hop: Hop): Promise<void> {
    const [delayMs] = this.route === undefined ? [this.drawDelayMs()] : this.route(hop)
    return delayMs === undefined ? new Promise(() => {}) : pause(this.clock, delayMs)
  }

  drawsLoss(): boolean {
    return this.#loss > 0 && this.#prng.u32() < this.#loss * 2 ** 32
  }
}

/** One side's view of a connection. */
interface Link {
  readonly net: MemoryNet
  readonly direction: 'inbound' | 'outbound'
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

class MemoryNet implements Net {
  readonly self: PeerKey
  readonly #hub: Hub
  readonly #registry = new Registry()
  readonly #tally = new Tally()
  readonly #strikes: Strikes
  readonly #links = new Map<PeerKey, Link>()
  readonly #seen = new Set<string>()
  readonly #quietUntilMs = new Map<PeerKey, number>()
  readonly #members = new Set<PeerKey>()
  readonly #connectListeners: Listeners<PeerKey>
  readonly #disconnectListeners: Listeners<PeerKey>
  readonly #reachListeners: Listeners<Reachability>
  #told: Reachability | undefined
  #hasMet = false
  readonly #bytes = { sent: 0, received: 0 }
  #published = 0

  constructor(hub: Hub, key: PeerKey) {
    if (!ADDRESS.test(`/memory/${key}`)) throw badAddress(`/memory/${key}`)
    this.#hub = hub
    this.self = key
    this.#strikes = new Strikes(hub.clock)
    this.#connectListeners = new Listeners(hub.logger)
    this.#disconnectListeners = new Listeners(hub.logger)
    this.#reachListeners = new Listeners(hub.logger)
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
    this.#registry.close()
    if (this.#hub.running.has(this.self)) throw wrongState(`a peer with key ${this.self} runs already`)
    this.#hub.running.set(this.self, this)
  }

  async stop(): Promise<void> {
    if (!this.#isRunning()) return
    this.#hub.running.delete(this.self)
    for (const peer of [...this.#links.keys()]) this.#cut(peer)
  }

  addresses(): readonly string[] {
    this.#mustRun()
    return [`/memory/${this.self}`]
  }

  async dial(address: string): Promise<PeerKey> {
    this.#mustRun()
    const peer = ADDRESS.exec(address)?.[1]
    if (peer === undefined || peer === this.self) throw badAddress(address)
    this.#quietUntilMs.delete(peer)
    const route = this.#hub.route?.({ from: this.self, to: peer, name: '', message: NOTHING })
    if (route?.length === 0) throw dialFailed(address)
    await pause(this.#hub.clock, route?.[0] ?? this.#hub.drawDelayMs())
    if (this.#links.has(peer)) return peer
    const other = this.#hub.running.get(peer)
    if (other === undefined || !this.#isRunning() || other.#isQuiet(this.self)) throw dialFailed(address)
    this.#links.set(peer, newLink(other, 'outbound'))
    other.#links.set(this.self, newLink(this, 'inbound'))
    other.#connectListeners.tell(this.self)
    this.#connectListeners.tell(peer)
    return peer
  }

  async hangUp(peer: PeerKey): Promise<void> {
    this.#mustRun()
    this.#quietUntilMs.set(peer, this.#hub.clock.nowMs() + HANG_UP_QUIET_MS)
    this.#cut(peer)
  }

  /** Links of the twin are never half dead. */
  async recheck(): Promise<void> {
    this.#mustRun()
  }

  peers(): readonly PeerConnection[] {
    this.#mustRun()
    return [...this.#links].map(([key, link]) => ({
      key,
      address: `/memory/${key}`,
      relay: null,
      direction: link.direction,
      rttMs: null,
      score: 0 - this.#strikes.count(key) ** 2,
      graylisted: this.#strikes.isOut(key),
      bytesSent: link.bytesSent,
      bytesReceived: link.bytesReceived
    }))
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    this.#mustRun()
    const entry = this.#registry.topics.get(topic)
    if (entry === undefined) throw topicUnknown(topic)
    if (message.length > entry.maxBytes) throw messageTooLong(topic, message.length, entry.maxBytes)
    this.#tally.sent(topic, message.length)
    this.#published++
    const envelope = {
      topic,
      id: `${this.self}/${this.#published}`,
      author: this.self,
      message: message.slice()
    }
    this.#markSeen(envelope.id)
    for (const peer of this.#links.keys()) this.#send(peer, envelope)
  }

  async request(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    { timeoutMs, maxReplyBytes, signal }: RequestOptions
  ): Promise<Uint8Array> {
    this.#mustRun()
    if (signal?.aborted === true) throw aborted(peer, protocol)
    const link = this.#links.get(peer)
    if (link === undefined) throw peerGone(peer)
    if (link.requests >= REQUESTS_MAX) throw busy(peer, protocol)
    link.requests++
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const onAbort = (): void => reject(aborted(peer, protocol))
    const onCut = (): void => reject(peerGone(peer))
    const timer = this.#hub.clock.after(timeoutMs, () => reject(timedOut(peer, protocol, timeoutMs)))
    signal?.addEventListener('abort', onAbort, { once: true })
    link.onCut.add(onCut)
    this.#ask(peer, link, protocol, message.slice(), maxReplyBytes).then(resolve, reject)
    try {
      const reply = await promise
      this.#tally.exchanged(protocol, message.length, reply.length)
      return reply
    } finally {
      link.requests--
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      link.onCut.delete(onCut)
    }
  }

  traffic(): Traffic {
    return {
      bytesSent: this.#bytes.sent,
      bytesReceived: this.#bytes.received,
      byTopic: this.#tally.snapshot()
    }
  }

  welcome(peer: PeerKey): void {
    this.#mustRun()
    if (!this.#links.has(peer)) return
    this.#members.add(peer)
    this.#considerReachability()
  }

  /** Whoever is of the mesh and connected could call back: the hub joins any two. */
  reachability(): Reachability {
    this.#mustRun()
    return judgeReachability({
      connected: this.#links.size,
      expectsPeers: this.#hasMet,
      probes: [...this.#members].map(by => ({ by, reach: 'host', isReached: true })),
      relays: [],
      isAnnounced: false,
      port: null
    })
  }

  async #ask(
    peer: PeerKey,
    link: Link,
    protocol: string,
    message: Uint8Array,
    maxReplyBytes: number
  ): Promise<Uint8Array> {
    const other = link.net
    await this.#hub.travel({ from: this.self, to: peer, name: protocol, message })
    this.#count(peer, message.length, 'sent')
    other.#count(this.self, message.length, 'received')
    const reply = await other.#answer(this.self, protocol, message, maxReplyBytes)
    await this.#hub.travel({ from: peer, to: this.self, name: protocol, message: reply })
    other.#count(this.self, reply.length, 'sent')
    this.#count(peer, reply.length, 'received')
    return reply
  }

  async #answer(
    from: PeerKey,
    protocol: string,
    message: Uint8Array,
    maxReplyBytes: number
  ): Promise<Uint8Array> {
    const link = this.#links.get(from)
    if (link === undefined) throw peerGone(this.self)
    const entry = this.#registry.protocols.get(protocol)
    if (entry === undefined) throw protocolUnknown(this.self, protocol)
    if (message.length > entry.maxRequestBytes) throw requestTooLong(protocol, message.length)
    if (link.inboundRequests >= REQUESTS_MAX) throw busy(this.self, protocol)
    link.inboundRequests++
    let reply: Uint8Array
    const leave = await entry.lines.enter(from)
    try {
      reply = await entry.handler(message, from)
    } catch (error) {
      this.#hub.logger.warn({ peer: from, protocol, error }, 'a request handler failed')
      throw requestFailed(this.self, protocol)
    } finally {
      leave()
      link.inboundRequests--
    }
    if (reply.length > maxReplyBytes) throw replyTooLong(this.self, protocol, maxReplyBytes)
    this.#tally.exchanged(protocol, reply.length, message.length)
    return reply.slice()
  }

  #send(peer: PeerKey, envelope: Envelope): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    this.#count(peer, envelope.message.length, 'sent')
    const { topic, message } = envelope
    const other = link.net
    // What it has judged by now would be dropped unread when it comes.
    if (other.#seen.has(envelope.id)) return
    if (this.#hub.route !== undefined) {
      for (const delayMs of this.#hub.route({ from: this.self, to: peer, name: topic, message }))
        this.#hub.clock.after(delayMs, () => other.#arrived(this.self, envelope))
      return
    }
    if (this.#hub.drawsLoss()) return
    const now = this.#hub.clock.nowMs()
    link.lastArrivalMs = Math.max(link.lastArrivalMs, now + this.#hub.drawDelayMs())
    this.#hub.clock.after(link.lastArrivalMs - now, () => other.#arrived(this.self, envelope))
  }

  #arrived(from: PeerKey, envelope: Envelope): void {
    const link = this.#links.get(from)
    if (link === undefined || !this.#isRunning()) return
    this.#count(from, envelope.message.length, 'received')
    if (this.#seen.has(envelope.id)) return
    if (link.queue.length >= QUEUE_MAX) {
      this.#hub.metrics.count('net_gossip_dropped_total', { topic: envelope.topic })
      return
    }
    link.queue.push(envelope)
    if (!link.isJudging) void this.#judgeQueue(from, link)
  }

  /** One message after the other for each peer, as on a stream. */
  async #judgeQueue(from: PeerKey, link: Link): Promise<void> {
    link.isJudging = true
    for (let next = link.queue.shift(); next !== undefined; next = link.queue.shift()) {
      const entry = this.#registry.topics.get(next.topic)
      if (entry === undefined || this.#seen.has(next.id) || !this.#isRunning()) continue
      this.#markSeen(next.id)
      const judging = {
        clock: this.#hub.clock,
        strikes: this.#strikes,
        tally: this.#tally,
        logger: this.#hub.logger,
        metrics: this.#hub.metrics
      }
      const verdict = await judge(judging, next.topic, entry, next.message, from)
      if (verdict !== 'accept') continue
      for (const peer of this.#links.keys()) {
        if (peer !== from && peer !== next.author) this.#send(peer, next)
      }
    }
    link.isJudging = false
  }

  #cut(peer: PeerKey): void {
    const link = this.#links.get(peer)
    if (link === undefined) return
    this.#links.delete(peer)
    const back = link.net.#links.get(this.self)
    link.net.#links.delete(this.self)
    for (const onCut of [...link.onCut, ...(back?.onCut ?? [])]) onCut()
    link.net.#left(this.self)
    if (this.#isRunning()) this.#left(peer)
  }

  #left(peer: PeerKey): void {
    this.#members.delete(peer)
    this.#disconnectListeners.tell(peer)
    if (this.#isRunning()) this.#considerReachability()
  }

  #considerReachability(): void {
    this.#hasMet = true
    const reachability = this.reachability()
    if (this.#told !== undefined && isSameReachability(this.#told, reachability)) return
    this.#told = reachability
    this.#reachListeners.tell(reachability)
  }

  #count(peer: PeerKey, bytes: number, way: 'sent' | 'received'): void {
    this.#bytes[way] += bytes
    const link = this.#links.get(peer)
    if (link === undefined) return
    if (way === 'sent') link.bytesSent += bytes
    else link.bytesReceived += bytes
  }

  #markSeen(id: string): void {
    this.#seen.add(id)
    if (this.#seen.size <= SEEN_MAX) return
    const oldest = this.#seen.values().next().value
    if (oldest !== undefined) this.#seen.delete(oldest)
  }

  #isQuiet(peer: PeerKey): boolean {
    return (this.#quietUntilMs.get(peer) ?? 0) > this.#hub.clock.nowMs()
  }

  #isRunning(): boolean {
    return this.#hub.running.get(this.self) === this
  }

  #mustRun(): void {
    if (!this.#isRunning()) throw wrongState('the net is not running')
  }
}

const newLink = (net: MemoryNet, direction: Link['direction']): Link => ({
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
