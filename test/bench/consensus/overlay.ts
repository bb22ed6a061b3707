/**
 * The vote among many validators on simulated time: the real rules behind the simulation's driver, over a gossip
 * overlay like gossipsub's, in which everybody passes what is new on to a few neighbours. Computing costs nothing
 * here; what shows is the network's share: hops, lost messages, timeouts, traffic.
 */
import * as rules from '@gradmesh/consensus'
import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import { type Certificate, VoteKind } from '@gradmesh/wire'
import { oneEpoch, Turns } from '../../sim/epochs.ts'
import { SimNode } from '../../sim/node.ts'
import { keyOf, twinSignatures } from '../../sim/signature.ts'
import type { Message, SimBlock } from '../../sim/types.ts'
import { Calendar } from './calendar.ts'
import { bytesOf } from './sizes.ts'

export interface OverlayOptions {
  readonly validators: number
  /** The run ends when everybody has so many final blocks. */
  readonly blocks: number
  readonly rttMs: number
  /** Of the transmissions between two neighbours; what is lost is not sent again on that link. */
  readonly lossPercent: number
  readonly seed: number
}

export interface OverlayFigures {
  readonly validators: number
  readonly blocks: number
  /** From the leader's proposal to FINAL, over all validators and blocks. */
  readonly finalityMsP50: number
  readonly finalityMsP99: number
  readonly blocksPerSecond: number
  /** Slots that no block came out of. */
  readonly slotsSkipped: number
  /** What one peer sends for one final block, copies to every neighbour counted. */
  readonly messagesPerPeerAndBlock: number
  readonly bytesPerPeerAndBlock: number
}

/** Gossipsub's D, as `packages/net` sets it. */
const DEGREE = 8
/** As the daemon's driver: the leader sends a certificate at once, others in turn unless they hear it. */
const SPREAD_MS = 250
const SPREAD_TURN_MS = 50
const SIMULATED_MS_MAX = 1_800_000

export const simulateOverlay = (options: OverlayOptions): OverlayFigures => new Overlay(options).run()

class Overlay {
  readonly #options: OverlayOptions
  readonly #prng: Prng
  readonly #calendar = new Calendar()
  readonly #neighbours: readonly (readonly number[])[]
  readonly #nodes: SimNode[]
  /** What each has seen already: gossip carries nothing twice to the same peer's rules. */
  readonly #seen: readonly Set<string>[]
  readonly #proposedMs = new Map<string, number>()
  readonly #finalityMs: number[] = []
  readonly #heights: number[]
  readonly #config: Omit<rules.ConsensusConfig, 'self'>
  #sent = { messages: 0, bytes: 0 }

  constructor(options: OverlayOptions) {
    const { validators: count, seed } = options
    this.#options = options
    this.#prng = new Prng(seed)
    this.#neighbours = overlay(count, this.#prng)
    this.#config = {
      epoch: 0,
      firstSlot: 1,
      validators: Array.from({ length: count }, (_, i) => ({ key: keyOf(i), stake: 1n })),
      leaderSeed: sha256(utf8(`overlay ${seed}`)),
      genesisId: toHex(sha256(utf8('genesis'))),
      roundDeadlineMs: 0,
      delayMs: { min: 150, max: 5000, start: 1000 },
      timeoutCapMs: 60_000,
      resendMs: 1000,
      syncAfterMs: 5000
    }
    this.#seen = Array.from({ length: count }, () => new Set())
    this.#heights = new Array(count).fill(0)
    this.#nodes = Array.from({ length: count }, (_, index) => this.#node(index))
  }

  run(): OverlayFigures {
    for (const node of this.#nodes) node.start()
    const { blocks, validators } = this.#options
    while (Math.min(...this.#heights) < blocks && this.#calendar.nowMs < SIMULATED_MS_MAX)
      this.#calendar.step()
    const sorted = Float64Array.from(this.#finalityMs).sort()
    const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
    const height = Math.max(...this.#heights)
    const perPeer = (total: number) => Math.round(total / validators / height)
    return {
      validators,
      blocks: height,
      finalityMsP50: at(0.5),
      finalityMsP99: at(0.99),
      blocksPerSecond: (1000 * height) / this.#calendar.nowMs,
      slotsSkipped: Math.max(...this.#nodes.map(node => node.state!.final.slot)) - height,
      messagesPerPeerAndBlock: perPeer(this.#sent.messages),
      bytesPerPeerAndBlock: perPeer(this.#sent.bytes)
    }
  }

  #node(index: number): SimNode {
    const prng = this.#prng
    const none = (): void => {}
    return new SimNode(index, {
      rules,
      turns: new Turns(oneEpoch(this.#config.validators)),
      configOf: () => ({ ...this.#config, self: index }),
      signatures: twinSignatures,
      leaderOf: slot => rules.leaderOf(this.#config, slot),
      honest: true,
      nowMs: () => this.#calendar.nowMs,
      after: (delayMs, run) => this.#calendar.after(delayMs, run),
      broadcast: message => this.#publish(index, message),
      send: (to, message) =>
        this.#transmit(index, to, message, () => this.#nodes[to]!.receive(index, message)),
      anyPeer: () => prng.pick(this.#neighbours[index]!),
      below: bound => prng.below(Math.max(1, bound)),
      finalised: block => {
        this.#heights[index] = block.height
        const proposedMs = this.#proposedMs.get(block.id)
        if (proposedMs !== undefined) this.#finalityMs.push(this.#calendar.nowMs - proposedMs)
      },
      signed: none,
      proposed: none,
      believes: none,
      restarted: none,
      accuses: none,
      broke: none,
      crashed: none
    })
  }

  // ---------------------------------------------------------------- gossip

  #publish(index: number, message: Message): void {
    if (message.type === 'block') this.#proposed(message.block)
    if (message.type === 'certificate') this.#spread(index, message)
    else this.#gossip(index, index, message)
  }

  #spread(index: number, message: Extract<Message, { type: 'certificate' }>): void {
    const leader = rules.leaderOf(this.#config, message.certificate.slot)
    if (leader === index) {
      this.#gossip(index, index, message)
      return
    }
    const turn = (index - leader + this.#nodes.length) % this.#nodes.length
    this.#calendar.after(SPREAD_MS + turn * SPREAD_TURN_MS, () => {
      const isOver = message.certificate.slot <= this.#nodes[index]!.state!.final.slot
      if (!isOver) this.#gossip(index, index, message)
    })
  }

  #proposed({ id }: SimBlock): void {
    if (!this.#proposedMs.has(id)) this.#proposedMs.set(id, this.#calendar.nowMs)
  }

  /** `from` gave it to `index`, which passes it on if it is new there. */
  #gossip(from: number, index: number, message: Message): void {
    const name = nameOf(message)
    const isNew = !this.#seen[index]!.has(name)
    const isAgain = from === index && message.type !== 'certificate'
    if (!isNew && !isAgain) return
    this.#seen[index]!.add(name)
    if (from !== index) this.#nodes[index]!.receive(from, message)
    for (const to of this.#neighbours[index]!)
      if (to !== from) this.#transmit(index, to, message, () => this.#gossip(index, to, message))
  }

  #transmit(from: number, to: number, message: Message, arrive: () => void): void {
    if (from === to) return
    this.#sent.messages++
    this.#sent.bytes += bytesOf(message, this.#options.validators)
    if (this.#prng.below(100) < this.#options.lossPercent) return
    const oneWayMs = this.#options.rttMs / 2
    this.#calendar.after(oneWayMs * 0.9 + this.#prng.below(Math.ceil(oneWayMs * 0.2) + 1), arrive)
  }
}

/** A ring keeps it in one piece, random links make it shallow; all-to-all where there are few. */
const overlay = (count: number, prng: Prng): number[][] => {
  const links = Array.from({ length: count }, (_, i) => new Set([(i + 1) % count, (i + count - 1) % count]))
  for (let i = 0; i < count; i++) {
    while (links[i]!.size < Math.min(DEGREE, count - 1)) {
      const other = prng.below(count)
      if (other === i) continue
      links[i]!.add(other)
      links[other]!.add(i)
    }
  }
  return links.map(set => [...set])
}

const nameOf = (message: Message): string => {
  if (message.type === 'block') return message.block.id
  if (message.type === 'vote') {
    const { validator, slot, kind } = message.vote
    return `${validator}/${slot}/${kind}`
  }
  return message.type === 'certificate' ? certificateName(message.certificate) : message.type
}

/** Whoever signed it: one that ends a slot is as good as another. */
const certificateName = ({ slot, kind }: Certificate): string => `${slot}/${kind === VoteKind.SKIP}/${kind}`
