/**
 * Finds out whether others can call this peer, makes it callable where they can't, and says so: asks members
 * of the mesh to call back (`probing.ts`), confirms the addresses at which that worked, seeks a relay where it
 * did not (`relaying.ts`), and tells when the judgement changes (`../reachability.ts`).
 */
import { type Clock, type Logger, systemClock } from '@gradmesh/core'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { reachOf, widest } from '../reach.ts'
import { isSameReachability, judgeReachability, type Probe } from '../reachability.ts'
import type { Net, PeerKey, Reach, Reachability } from '../types.ts'
import { isRelayed, portOf } from './addresses.ts'
import { addressAt, askForCall, PROBE_PORTS_MAX } from './probing.ts'
import { type RelayInside, Relaying } from './relaying.ts'

/** At the latest after this time the first judgement is told. */
const FIRST_WORD_MS = 8000
/** A judgement that lasts so long is told; shorter ones are a reconnect. */
const SETTLE_MS = 3000
/** Peers of each reach that are asked; then again after a while, for routers are restarted. */
const ASKED_EACH_REACH = 2
const ASK_AGAIN_MS = 300_000
const FORGET_MS = 3 * ASK_AGAIN_MS

export interface ReachingInit {
  readonly inside: RelayInside
  readonly chainTag: string
  readonly isAnnounced: boolean
  readonly hasGiven: boolean
  readonly logger: Logger
  readonly request: Net['request']
  /** Peers that gossip reaches. */
  readonly peers: () => readonly PeerKey[]
  /** Prefers a direct connection. */
  readonly connectionTo: (peer: PeerKey) => Connection | undefined
  readonly tell: (reachability: Reachability) => void
}

interface Result extends Probe {
  readonly atMs: number
  readonly confirmed: readonly Multiaddr[]
}

export class Reaching {
  readonly #init: ReachingInit
  readonly #clock: Clock = systemClock
  readonly #relaying: Relaying
  readonly #members = new Set<PeerKey>()
  readonly #results = new Map<PeerKey, Result>()
  readonly #startedMs = systemClock.nowMs()
  #askedPorts = ''
  #isAsking = false
  #hasMet = false
  #told: Reachability | undefined
  #pending: { readonly reachability: Reachability; readonly sinceMs: number } | undefined

  constructor(init: ReachingInit) {
    this.#init = init
    this.#relaying = new Relaying({
      inside: init.inside,
      logger: init.logger,
      members: () => [...this.#members],
      connectionTo: init.connectionTo,
      onChange: () => this.#consider()
    })
  }

  welcome(peer: PeerKey): void {
    this.#members.add(peer)
    if (this.#results.size === 0) void this.#ask()
  }

  isMember(peer: PeerKey): boolean {
    return this.#members.has(peer)
  }

  left(peer: PeerKey): void {
    this.#members.delete(peer)
    this.#consider()
  }

  /** Others can call us, so we may relay for them. */
  get isReachable(): boolean {
    return this.reachability().state === 'reachable'
  }

  reachability(): Reachability {
    const connected = this.#init.peers().length
    this.#hasMet ||= connected > 0
    return judgeReachability({
      connected,
      expectsPeers: this.#hasMet || (this.#init.hasGiven && this.#ageMs() > FIRST_WORD_MS),
      probes: [...this.#results.values()],
      relays: this.#relaying.relays(),
      isAnnounced: this.#init.isAnnounced,
      port: this.#ports()[0] ?? null
    })
  }

  /** Once a second. */
  tick(): void {
    const now = this.#clock.nowMs()
    for (const [peer, { atMs }] of this.#results) if (now - atMs > FORGET_MS) this.#results.delete(peer)
    void this.#ask()
    this.#seek()
    this.#consider()
  }

  #seek(): void {
    const { state } = this.reachability()
    if (state === 'relayed' || state === 'cut-off') void this.#relaying.seek()
  }

  /** The ports that others may call: where we listen, and what the router forwards. */
  #ports(): string[] {
    const own = this.#init.inside.addressManager
      .getAddressesWithMetadata()
      .filter(({ multiaddr, type }) => !isRelayed(multiaddr) && type !== 'observed')
      .map(({ multiaddr }) => portOf(multiaddr))
    return [...new Set(own)].filter(port => port !== '0').slice(0, PROBE_PORTS_MAX)
  }

  async #ask(): Promise<void> {
    const ports = this.#ports()
    // What was heard of other ports says nothing.
    if (ports.join() !== this.#askedPorts) this.#results.clear()
    this.#askedPorts = ports.join()
    const peer = this.#isAsking ? undefined : this.#whomToAsk()
    const connection = peer === undefined ? undefined : this.#init.connectionTo(peer)
    if (peer === undefined || connection === undefined) return
    this.#isAsking = true
    try {
      const reply =
        ports.length === 0
          ? { ip: null, ports: [] }
          : await askForCall(this.#init.request, this.#init.chainTag, peer, ports)
      if (reply !== undefined)
        this.#heard(peer, reply.ip, reply.ports, reachOf(connection.remoteAddr.toString()))
    } catch (error) {
      this.#init.logger.debug({ peer, error }, 'a peer did not say whether it can call us')
    } finally {
      this.#isAsking = false
    }
  }

  /** Those of the farthest reach first, each again when its word is old. */
  #whomToAsk(): PeerKey | undefined {
    const now = this.#clock.nowMs()
    const count = (reach: Reach): number =>
      [...this.#results.values()].filter(result => result.reach === reach && now - result.atMs < ASK_AGAIN_MS)
        .length
    const candidates = this.#init.peers().flatMap(peer => {
      const connection = this.#init.connectionTo(peer)
      const result = this.#results.get(peer)
      if (connection === undefined || isRelayed(connection.remoteAddr) || !this.#members.has(peer)) return []
      if (result !== undefined && now - result.atMs < ASK_AGAIN_MS) return []
      const reach = reachOf(connection.remoteAddr.toString())
      return count(reach) < ASKED_EACH_REACH ? [{ peer, reach }] : []
    })
    const farthest = widest(candidates.map(({ reach }) => reach))
    return candidates.find(({ reach }) => reach === farthest)?.peer
  }

  #heard(peer: PeerKey, ip: string | null, ports: readonly string[], reach: Reach): void {
    const { addressManager } = this.#init.inside
    const confirmed = ip === null ? [] : ports.map(port => addressAt(ip, port))
    for (const address of this.#results.get(peer)?.confirmed ?? [])
      if (!confirmed.some(each => each.equals(address))) addressManager.removeObservedAddr(address)
    for (const address of confirmed) {
      const isOwn = addressManager
        .getAddressesWithMetadata()
        .some(({ multiaddr }) => multiaddr.equals(address))
      addressManager.confirmObservedAddr(address, isOwn ? {} : { type: 'observed' })
    }
    this.#results.set(peer, {
      by: peer,
      reach,
      isReached: confirmed.length > 0,
      atMs: this.#clock.nowMs(),
      confirmed
    })
    this.#seek()
    this.#consider()
  }

  /** Tells a judgement that is new and stays. What is good is told at once. */
  #consider(): void {
    const now = this.#clock.nowMs()
    const reachability = this.reachability()
    if (this.#told !== undefined && isSameReachability(this.#told, reachability)) {
      this.#pending = undefined
      return
    }
    if (this.#pending === undefined || !isSameReachability(this.#pending.reachability, reachability))
      this.#pending = { reachability, sinceMs: now }
    const isFirst = this.#told === undefined
    const isGood = reachability.state === 'reachable' || reachability.state === 'relayed'
    const isDue = isFirst ? this.#ageMs() > FIRST_WORD_MS : now - this.#pending.sinceMs > SETTLE_MS
    if (!isDue && !(isFirst && isGood)) return
    this.#told = reachability
    this.#pending = undefined
    this.#init.tell(reachability)
  }

  #ageMs(): number {
    return this.#clock.nowMs() - this.#startedMs
  }
}
