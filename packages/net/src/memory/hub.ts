/**
 * What lies between the peers: who is there, and how long each hop takes or whether it is lost. Loss strikes gossip, hop
 * by hop; requests are streams, and streams do not lose bytes.
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
import type { PeerKey } from '../types.ts'
import type { MemoryNet } from './net.ts'

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

export class Hub {
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
