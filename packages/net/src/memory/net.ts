/** One peer of a hub: its connections, who of them is of the mesh, and whether others can call it. */
import { pause } from '@gradmesh/core'
import { badAddress, dialFailed, wrongState } from '../errors.ts'
import { HANG_UP_QUIET_MS } from '../limits.ts'
import { Listeners } from '../listeners.ts'
import { isSameReachability, judgeReachability } from '../reachability.ts'
import { Registry } from '../registry.ts'
import { Strikes } from '../strikes.ts'
import { Tally } from '../tally.ts'
import type { Net, PeerConnection, PeerKey, Reachability, RequestOptions, Traffic } from '../types.ts'
import { MemoryGossip } from './gossip.ts'
import type { Hub } from './hub.ts'
import { Links } from './links.ts'
import { MemoryRequests } from './requests.ts'

const NOTHING = new Uint8Array()
const ADDRESS = /^\/memory\/([0-9a-f]{64})$/

/** What the parts of one peer share. */
export interface Here {
  readonly self: PeerKey
  readonly hub: Hub
  readonly links: Links
  readonly registry: Registry
  readonly tally: Tally
  readonly strikes: Strikes
  readonly isRunning: () => boolean
}

export class MemoryNet implements Net {
  readonly self: PeerKey
  readonly links = new Links()
  readonly gossip: MemoryGossip
  readonly requests: MemoryRequests
  readonly #hub: Hub
  readonly #registry = new Registry()
  readonly #tally = new Tally()
  readonly #strikes: Strikes
  readonly #quietUntilMs = new Map<PeerKey, number>()
  readonly #members = new Set<PeerKey>()
  readonly #connectListeners: Listeners<PeerKey>
  readonly #disconnectListeners: Listeners<PeerKey>
  readonly #reachListeners: Listeners<Reachability>
  #told: Reachability | undefined
  #hasMet = false

  constructor(hub: Hub, key: PeerKey) {
    if (!ADDRESS.test(`/memory/${key}`)) throw badAddress(`/memory/${key}`)
    this.#hub = hub
    this.self = key
    this.#strikes = new Strikes(hub.clock)
    this.#connectListeners = new Listeners(hub.logger)
    this.#disconnectListeners = new Listeners(hub.logger)
    this.#reachListeners = new Listeners(hub.logger)
    const here: Here = {
      self: key,
      hub,
      links: this.links,
      registry: this.#registry,
      tally: this.#tally,
      strikes: this.#strikes,
      isRunning: () => this.#isRunning()
    }
    this.gossip = new MemoryGossip(here)
    this.requests = new MemoryRequests(here)
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
    for (const peer of this.links.peers()) this.#cut(peer)
  }

  addresses(): readonly string[] {
    this.#mustRun()
    return [`/memory/${this.self}`]
  }

  // ---------------------------------------------------------------- connections

  async dial(address: string): Promise<PeerKey> {
    this.#mustRun()
    const peer = ADDRESS.exec(address)?.[1]
    if (peer === undefined || peer === this.self) throw badAddress(address)
    this.#quietUntilMs.delete(peer)
    const route = this.#hub.route?.({ from: this.self, to: peer, name: '', message: NOTHING })
    if (route?.length === 0) throw dialFailed(address)
    await pause(this.#hub.clock, route?.[0] ?? this.#hub.drawDelayMs())
    if (this.links.of(peer) !== undefined) return peer
    const other = this.#hub.running.get(peer)
    if (other === undefined || !this.#isRunning() || other.#isQuiet(this.self)) throw dialFailed(address)
    this.links.add(peer, other, 'outbound')
    other.links.add(this.self, this, 'inbound')
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
    return this.links.all().map(([key, link]) => ({
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

  #cut(peer: PeerKey): void {
    const link = this.links.of(peer)
    if (link === undefined) return
    this.links.remove(peer)
    const back = link.net.links.of(this.self)
    link.net.links.remove(this.self)
    for (const onCut of [...link.onCut, ...(back?.onCut ?? [])]) onCut()
    link.net.#left(this.self)
    if (this.#isRunning()) this.#left(peer)
  }

  #left(peer: PeerKey): void {
    this.#members.delete(peer)
    this.#disconnectListeners.tell(peer)
    if (this.#isRunning()) this.#considerReachability()
  }

  // ---------------------------------------------------------------- messages

  async publish(topic: string, message: Uint8Array): Promise<void> {
    this.#mustRun()
    this.gossip.publish(topic, message)
  }

  async request(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    options: RequestOptions
  ): Promise<Uint8Array> {
    this.#mustRun()
    return this.requests.request(peer, protocol, message, options)
  }

  traffic(): Traffic {
    const { sent, received } = this.links.bytes
    return { bytesSent: sent, bytesReceived: received, byTopic: this.#tally.snapshot() }
  }

  // ---------------------------------------------------------------- reachability

  welcome(peer: PeerKey): void {
    this.#mustRun()
    if (this.links.of(peer) === undefined) return
    this.#members.add(peer)
    this.#considerReachability()
  }

  /** Whoever is of the mesh and connected could call back: the hub joins any two. */
  reachability(): Reachability {
    this.#mustRun()
    return judgeReachability({
      connected: this.links.size,
      expectsPeers: this.#hasMet,
      probes: [...this.#members].map(by => ({ by, reach: 'host', isReached: true })),
      relays: [],
      isAnnounced: false,
      port: null
    })
  }

  #considerReachability(): void {
    this.#hasMet = true
    const reachability = this.reachability()
    if (this.#told !== undefined && isSameReachability(this.#told, reachability)) return
    this.#told = reachability
    this.#reachListeners.tell(reachability)
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
