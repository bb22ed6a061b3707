/**
 * One seed, one mesh, one history: discrete events, a network that loses, delays, doubles, reorders and parts,
 * clocks that run apart, pauses, crashes between any two effects, records that rot, and at most one liar below
 * a third of the stake. After `healMs` the network is good and everybody honest is up; then the mesh must make
 * progress.
 */
import type { ConsensusConfig } from '@gradmesh/consensus'
import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import { Checker } from './checker.ts'
import { Turns } from './epochs.ts'
import { Events } from './events.ts'
import { drawLeader } from './lottery.ts'
import { SimNode } from './node.ts'
import type { Schedule } from './schedule.ts'
import { realSignatures, type Signatures, signBlock, twinSignatures } from './signature.ts'
import { Trace } from './trace.ts'
import type { Liar, Message, Rules, SimBlock } from './types.ts'

export interface Outcome {
  readonly seed: number
  readonly adversary: string
  readonly nodes: number
  readonly height: number
  /** How often honest nodes found the liar's votes in contradiction. */
  readonly accusations: number
  readonly simulatedMs: number
  readonly deliveries: number
  /** Digest of everything that happened, in order. */
  readonly trace: string
  readonly violation: string | null
}

/** A run ends when everybody honest has so many final blocks in all, and so many since the healing. */
const FINALS = 10
const FINALS_AFTER_HEALING = 3
const SIMULATED_MS_MAX = 200_000
const EVENTS_MAX = 400_000
/** Ed25519 is slow and its twin enough to find a forgery, so one seed in so many signs for real. */
const REAL_SIGNATURES_EVERY = 100
const GENESIS_ID = toHex(sha256(utf8('genesis')))

/** What fails besides the invariants is a defect of the rules too, so it counts as a violation. */
export const simulate = (schedule: Schedule, rules: Rules): Outcome => {
  const world = new World(schedule, rules)
  try {
    world.run()
    return world.outcome(null)
  } catch (error) {
    return world.outcome(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }
}

class World {
  readonly #schedule: Schedule
  readonly #rules: Rules
  readonly #prng: Prng
  readonly #signatures: Signatures
  readonly #nodes: SimNode[] = []
  readonly #honest: SimNode[] = []
  /** The places of each validator: two for a twin. */
  readonly #places: number[][]
  /** Whom each node talks to: null for everybody. */
  readonly #reaches: (ReadonlySet<number> | null)[] = []
  readonly #checker: Checker
  readonly #turns: Turns
  readonly #configs: Omit<ConsensusConfig, 'self'>[] = []
  readonly #leaders = new Map<number, number>()
  readonly #trace = new Trace()
  readonly #second = new Map<number, SimBlock>()
  readonly #events = new Events()
  #nowMs = 0
  #deliveries = 0
  /** Highest honest frontier when the mesh was healed. */
  #healedSlot: number | null = null
  #healedHeight = 0
  #healedEpoch = 0

  constructor(schedule: Schedule, rules: Rules) {
    const { seed, validators, adversary, liar } = schedule
    this.#schedule = schedule
    this.#rules = rules
    this.#prng = new Prng(seed)
    this.#signatures = seed % REAL_SIGNATURES_EVERY === 0 ? realSignatures() : twinSignatures
    this.#places = validators.map(() => [])
    this.#turns = new Turns(schedule.epochs)
    this.#checker = new Checker(this.#turns, liar)
    const halves = adversary?.twin ? this.#halves(liar!) : null
    for (const index of validators.keys()) this.#add(index, index === liar ? (halves?.[0] ?? null) : null)
    if (halves !== null) this.#add(liar!, halves[1])
    this.#plan()
  }

  run(): void {
    for (const node of this.#nodes) node.start()
    for (let count = 0; count < EVENTS_MAX; count++) {
      const event = this.#events.pop()
      if (event === undefined) break
      this.#nowMs = event.atMs
      event.run()
      if (this.#watch()) return
    }
    this.#checker.stuck(this.#nowMs)
  }

  outcome(violation: string | null): Outcome {
    return {
      seed: this.#schedule.seed,
      adversary: this.#schedule.adversary?.name ?? 'none',
      nodes: this.#schedule.validators.length,
      height: this.#checker.height,
      accusations: this.#checker.accusations,
      simulatedMs: this.#nowMs,
      deliveries: this.#deliveries,
      trace: this.#trace.digest(),
      violation
    }
  }

  /** As it is once somebody has seen the epoch before end. */
  #configOf(epoch: number): Omit<ConsensusConfig, 'self'> {
    const { seed, roundDeadlineMs, estimateMsMax } = this.#schedule
    this.#configs[epoch] ??= {
      epoch,
      firstSlot: this.#turns.begun(epoch).firstSlot,
      validators: this.#turns.validators(epoch),
      leaderSeed: sha256(utf8(`leaders ${seed}${epoch === 0 ? '' : ` of ${epoch}`}`)),
      genesisId: GENESIS_ID,
      roundDeadlineMs,
      delayMs: { min: 20, max: estimateMsMax, start: 60 },
      timeoutCapMs: 3_000,
      resendMs: 150,
      syncAfterMs: 700
    }
    return this.#configs[epoch]
  }

  // ---------------------------------------------------------------- who takes part

  #add(index: number, reaches: ReadonlySet<number> | null): void {
    const { liar, adversary, skews, rots, losesCertificates, healMs } = this.#schedule
    const honest = index !== liar
    const skewMs = this.#prng.below(100_000)
    const drawn = 90 + this.#prng.below(21)
    const ratePercent = skews ? drawn : 100
    const place = this.#nodes.length
    const others = this.#schedule.validators.map((_, i) => i).filter(i => i !== index)
    const tell = (to: number, message: Message) => {
      if (reaches === null || reaches.has(to)) this.#transmit(place, index, to, message)
    }
    const checker = this.#checker
    const node: SimNode = new SimNode(index, {
      rules: this.#rules,
      turns: this.#turns,
      configOf: epoch => ({ ...this.#configOf(epoch), self: index }),
      signatures: this.#signatures,
      honest,
      nowMs: () => skewMs + Math.floor((this.#nowMs * ratePercent) / 100),
      after: (delayMs, run) =>
        this.#at(this.#nowMs + Math.ceil((delayMs * 100) / ratePercent), () => this.#awake(place, run)),
      leaderOf: slot => this.#leaderOf(slot),
      broadcast: message => {
        if (honest) for (const to of others) tell(to, message)
        else
          for (const { to, message: lie } of adversary!.tell(this.#liarAt(node, others), message))
            tell(to, lie)
      },
      send: tell,
      anyPeer: () => this.#prng.pick(others),
      below: bound => this.#prng.below(Math.max(1, bound)),
      signed: (vote, block) => honest && checker.vote(vote, block),
      proposed: block => honest && checker.proposed(block),
      believes: certificate => honest && checker.certificate(certificate),
      finalised: block => honest && checker.final(index, block),
      restarted: height => honest && checker.restart(index, height),
      accuses: validator => honest && checker.accused(validator),
      broke: () => honest && checker.broke(index),
      crashed: () => {
        this.#note(place, 'crash')
        node.disk.crash(this.#prng, losesCertificates)
        if (index === rots) node.disk.rot(this.#prng)
        const back = this.#nowMs + 50 + this.#prng.below(1_000)
        this.#at(Math.min(back, Math.max(this.#nowMs, healMs)), () => node.start())
      }
    })
    this.#nodes.push(node)
    if (honest) this.#honest.push(node)
    this.#places[index]!.push(place)
    this.#reaches.push(reaches)
  }

  #leaderOf(slot: number): number {
    const known = this.#leaders.get(slot)
    if (known !== undefined) return known
    const config = this.#configOf(this.#turns.epochOf(slot))
    const leader = this.#rules.leaderOf(config, slot)
    if (leader !== drawLeader(config, slot)) this.#checker.ledByAnother(slot, leader)
    this.#leaders.set(slot, leader)
    return leader
  }

  /** What each of a liar's two bodies reaches and hears. */
  #halves(liar: number): readonly [ReadonlySet<number>, ReadonlySet<number>] {
    const others = this.#prng.shuffle(this.#schedule.validators.map((_, i) => i).filter(i => i !== liar))
    const middle = others.length >> 1
    return [new Set(others.slice(0, middle)), new Set(others.slice(middle))]
  }

  #liarAt(node: SimNode, others: readonly number[]): Liar {
    const self = node.index
    return {
      prng: this.#prng,
      self,
      others,
      leads: slot => this.#leaderOf(slot) === self,
      blocksOf: slot => node.blocksOf(slot),
      second: this.#second,
      signVote: body => this.#signatures.signVote(self, body),
      signBlock: (block, valid) => signBlock(this.#signatures, self, block, valid, this.#prng.u32())
    }
  }

  // ---------------------------------------------------------------- network and time

  #transmit(fromPlace: number, from: number, to: number, message: Message): void {
    const { healMs, lossPercent, delayMsMax, healedDelayMs, duplicates } = this.#schedule
    const healed = this.#nowMs >= healMs
    if (!healed && (this.#isCut(fromPlace, to) || this.#prng.below(100) < lossPercent)) return
    const copies = this.#prng.oneIn(20) && duplicates ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const slow = !healed && this.#prng.oneIn(30) ? 600 : 0
      const delayMs = 1 + this.#prng.below(healed ? healedDelayMs : delayMsMax + slow)
      this.#at(this.#nowMs + delayMs, () => {
        for (const place of this.#places[to]!) {
          const reaches = this.#reaches[place]
          if (reaches && !reaches.has(from)) continue
          this.#awake(place, () => {
            this.#deliveries++
            this.#note(place, message.type)
            this.#nodes[place]!.receive(from, message)
          })
        }
      })
    }
  }

  #isCut(from: number, to: number): boolean {
    for (const { startMs, endMs, side, oneWay, bridge } of this.#schedule.partitions) {
      if (this.#nowMs < startMs || this.#nowMs >= endMs || from === bridge || to === bridge) continue
      if (side[from] !== side[to] && (!oneWay || side[from] === true)) return true
    }
    return false
  }

  /** A paused node sees nothing until it goes on, then all of it in order. */
  #awake(place: number, run: () => void): void {
    for (const pause of this.#schedule.pauses) {
      if (pause.place !== place || this.#nowMs < pause.startMs) continue
      const endMs = Math.min(pause.endMs, this.#schedule.healMs)
      if (this.#nowMs >= endMs) continue
      this.#at(endMs, () => this.#awake(place, run))
      return
    }
    run()
  }

  #plan(): void {
    const { crashes, healMs } = this.#schedule
    for (const { atMs, place, effects } of crashes) {
      this.#at(atMs, () => {
        const node = this.#nodes[place]
        if (node !== undefined) node.fuse = effects
      })
    }
    this.#at(healMs, () => {
      for (const node of this.#nodes) node.fuse = null
    })
  }

  #at(atMs: number, run: () => void): void {
    this.#events.push(atMs, run)
  }

  #note(place: number, what: string): void {
    const state = this.#nodes[place]!.state
    this.#trace.note(
      this.#nowMs,
      place,
      what.charCodeAt(0),
      state === null ? 0 : state.frontier,
      state === null ? 0 : state.final.slot
    )
  }

  // ---------------------------------------------------------------- progress

  /** True when the run has shown what it should. */
  #watch(): boolean {
    if (this.#nowMs <= this.#schedule.healMs) return false
    let frontier = 0
    let final = 0
    let lowest = Number.POSITIVE_INFINITY
    let epoch = 0
    for (const { state } of this.#honest) {
      if (state === null) return false
      epoch = Math.max(epoch, state.config.epoch)
      frontier = Math.max(frontier, state.frontier)
      final = Math.max(final, state.final.slot)
      lowest = Math.min(lowest, state.final.height)
    }
    if (this.#healedSlot === null) {
      this.#healedSlot = frontier
      this.#healedHeight = this.#checker.height
      this.#healedEpoch = epoch
    }
    // Where an epoch has turned, its boundary became final, and slots between two epochs do not exist.
    if (epoch === this.#healedEpoch && final < this.#healedSlot) {
      let liarLed = 0
      for (let slot = this.#healedSlot; slot < frontier; slot++) {
        if (this.#leaderOf(slot) === this.#schedule.liar) liarLed++
      }
      this.#checker.stalled(frontier - this.#healedSlot, liarLed)
    }
    if (this.#nowMs > SIMULATED_MS_MAX) this.#checker.stuck(this.#nowMs)
    return lowest >= Math.max(FINALS, this.#healedHeight + FINALS_AFTER_HEALING)
  }
}
