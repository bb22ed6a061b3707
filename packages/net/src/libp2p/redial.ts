/**
 * Who is lost is called again: the addresses given at the start for ever, peers met on the way for ten
 * minutes. For the first two minutes at most 1.5 s pass between two calls, so that a daemon that was
 * killed and restarted is back within two seconds, whoever calls first; then the pause grows.
 * libp2p's own reconnect queue is not used: it gives up after a number of attempts and never calls an
 * address that did not answer the first time.
 */
import type { Clock, Logger } from '@gradmesh/core'
import type { Multiaddr } from '@multiformats/multiaddr'

const FIRST_PAUSE_MS = 200
const EAGER_PAUSE_MS = 1500
const EAGER_FOR_MS = 120_000
const PAUSE_MS_MAX = 30_000
const REMEMBERED_FOR_MS = 600_000
/** Peers met on the way that are remembered at once. */
const REMEMBERED_MAX = 256

interface Entry {
  addresses: readonly Multiaddr[]
  readonly isGiven: boolean
  lostAtMs: number
  pauseMs: number
  timer: NodeJS.Timeout | undefined
  isCalling: boolean
}

export interface RedialInit {
  readonly clock: Clock
  readonly logger: Logger
  /** Names are peer keys, or the address itself where a given address names no peer. */
  readonly isConnected: (name: string) => boolean
  readonly hasRoom: () => boolean
  readonly call: (addresses: readonly Multiaddr[]) => Promise<unknown>
}

export class Redial {
  readonly #init: RedialInit
  readonly #entries = new Map<string, Entry>()
  #stopped = false

  constructor(init: RedialInit) {
    this.#init = init
  }

  /** An address given by the user: called at once and never forgotten. */
  give(name: string, addresses: readonly Multiaddr[]): void {
    const before = this.#entries.get(name)
    const known = before?.isGiven === true ? before.addresses : []
    this.#put(name, [...known, ...addresses], true)
    this.lost(name, 0)
  }

  /** A peer that was met: called again if it is lost later. */
  remember(name: string, addresses: readonly Multiaddr[]): void {
    const entry = this.#entries.get(name)
    if (entry !== undefined) {
      if (!entry.isGiven && addresses.length > 0) entry.addresses = addresses
      return
    }
    if (addresses.length === 0) return
    if (this.#entries.size >= REMEMBERED_MAX) this.#forgetOne()
    this.#put(name, addresses, false)
  }

  /** The peer is not connected: calls begin after `pauseMs`. */
  lost(name: string, pauseMs = FIRST_PAUSE_MS): void {
    const entry = this.#entries.get(name)
    if (entry === undefined || this.#stopped) return
    entry.lostAtMs = this.#init.clock.nowMs()
    entry.pauseMs = FIRST_PAUSE_MS
    this.#schedule(name, entry, pauseMs)
  }

  /** Whoever waits to be called is called at once, and eagerly for a while. */
  hurry(): void {
    for (const [name, { timer }] of this.#entries) if (timer !== undefined) this.lost(name, 0)
  }

  found(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    clearTimeout(entry.timer)
    entry.timer = undefined
  }

  /** A call is under way or due. */
  isCalling(name: string): boolean {
    const entry = this.#entries.get(name)
    return entry !== undefined && (entry.isCalling || entry.timer !== undefined)
  }

  forget(name: string): void {
    clearTimeout(this.#entries.get(name)?.timer)
    this.#entries.delete(name)
  }

  stop(): void {
    this.#stopped = true
    for (const name of [...this.#entries.keys()]) this.forget(name)
  }

  #put(name: string, addresses: readonly Multiaddr[], isGiven: boolean): void {
    clearTimeout(this.#entries.get(name)?.timer)
    this.#entries.set(name, {
      addresses,
      isGiven,
      lostAtMs: this.#init.clock.nowMs(),
      pauseMs: FIRST_PAUSE_MS,
      timer: undefined,
      isCalling: false
    })
  }

  #schedule(name: string, entry: Entry, pauseMs: number): void {
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => void this.#call(name, entry), pauseMs)
  }

  async #call(name: string, entry: Entry): Promise<void> {
    entry.timer = undefined
    if (entry.isCalling || this.#stopped) return
    if (this.#init.isConnected(name)) return
    if (entry.isGiven || this.#init.hasRoom()) {
      entry.isCalling = true
      try {
        await this.#init.call(entry.addresses)
        return
      } catch (error) {
        this.#init.logger.debug({ peer: name, error }, 'a peer does not answer; it is called again')
      } finally {
        entry.isCalling = false
      }
    }
    if (this.#stopped || this.#entries.get(name) !== entry || this.#init.isConnected(name)) return
    const goneForMs = this.#init.clock.nowMs() - entry.lostAtMs
    if (!entry.isGiven && goneForMs > REMEMBERED_FOR_MS) {
      this.forget(name)
      return
    }
    const pauseMs = entry.pauseMs
    entry.pauseMs = Math.min(2 * pauseMs, goneForMs < EAGER_FOR_MS ? EAGER_PAUSE_MS : PAUSE_MS_MAX)
    this.#schedule(name, entry, pauseMs)
  }

  #forgetOne(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.isGiven) continue
      this.forget(name)
      return
    }
  }
}
