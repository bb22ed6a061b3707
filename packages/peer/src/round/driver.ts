/**
 * Holds the state of the vote and feeds the pure consensus step: inputs are taken one after another, and the effects
 * of one are finished before the next (`performing.ts`). One epoch follows the other here, each with a state of its own.
 */
import {
  BLOCKS_PER_SLOT,
  createConsensus,
  type Effect,
  type Input,
  SLOTS_AHEAD,
  SLOTS_BELOW_FINAL,
  type State,
  step
} from '@gradmesh/consensus'
import { Serial, type Timer } from '@gradmesh/core'
import type { Block, Certificate } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import type { Extent, Held } from '../holding.ts'
import type { Resumed } from '../sync/resuming.ts'
import { Admitting, type Voting } from './admitting.ts'
import { blockRef, consensusConfig } from './consensus-config.ts'
import type { Epoch } from './epochs.ts'
import { Performing, type PerformingParts } from './performing.ts'
import { Spreading } from './spreading.ts'

/** Votes, certificates and blocks of the next epoch, kept for the moment in which this one ends. */
const EARLY_MAX = 512

export interface OpenSlot {
  readonly epoch: number
  /** When it times out, on the peer's clock. */
  readonly deadlineMs: number
  /** Indices of seats. */
  readonly voters: ReadonlySet<number>
}

export interface DriverParts extends PerformingParts {
  /** Where voting goes on from; undefined while the disk has no certificate of exactly the final block. */
  readonly resume: () => Promise<Resumed | undefined>
  /** Another slot is open, or none any more. */
  readonly onSlot: () => void
}

export class Driver implements Voting {
  readonly admitting: Admitting
  readonly #context: Context
  readonly #parts: DriverParts
  readonly #serial = new Serial()
  readonly #spreading: Spreading
  readonly #performing: Performing
  /** Null while catching up: until then what is final is told by sync alone. */
  #state: State | null = null
  /** Whose votes `#state` counts. */
  #epoch: Epoch
  /** The epoch before, once it has ended: it still answers those who did not hear so. */
  #previous: { readonly state: State; readonly epoch: Epoch } | null = null
  /** What came of the next epoch before this peer has seen its own end. */
  #early: Input[] = []
  #timer: Timer | undefined
  #running = false
  /** The state counts without the own seat. */
  #isStale = false
  onFinality: (milliseconds: number) => void = () => {}

  constructor(context: Context, parts: DriverParts) {
    this.#context = context
    this.#parts = parts
    this.#epoch = context.epochs.running
    const { ledger, evidences } = parts
    this.#spreading = new Spreading(context, () => ledger.final.slot)
    this.admitting = new Admitting(context, ledger, evidences, this.#spreading, this)
    this.#performing = new Performing(context, parts, {
      voting: this,
      admitting: this.admitting,
      spreading: this.#spreading,
      wakeAt: atMs => this.#wakeAt(atMs),
      onFinality: milliseconds => this.onFinality(milliseconds),
      onCommitted: () => this.#turn()
    })
  }

  get epoch(): Epoch {
    return this.#epoch
  }

  get isRunning(): boolean {
    return this.#running
  }

  get frontier(): number {
    return this.#state?.frontier ?? this.#parts.ledger.final.slot + 1
  }

  /** The vote that waits for a quorum: since when it is overdue, and who has voted in it. Undefined while catching up. */
  get openSlot(): OpenSlot | undefined {
    const timers = this.#state?.timers ?? null
    if (this.#state === null || timers === null || this.#state.ended) return undefined
    const { frontier, slots } = this.#state
    const voters = new Set(slots.get(frontier)?.ballots.keys())
    return { epoch: this.#epoch.number, deadlineMs: timers.deadlineMs, voters }
  }

  certificates(): Certificate[] {
    return this.#spreading.kept()
  }

  /** Slots of which anything may be kept. */
  get slots(): number {
    return this.frontier - this.#parts.ledger.final.slot + SLOTS_AHEAD + SLOTS_BELOW_FINAL + 1
  }

  held({ slots, liveBlocks }: Extent): readonly Held[] {
    // Besides two proposals a slot, one that a certificate asks for.
    const blocks = (BLOCKS_PER_SLOT + 1) * slots
    return [
      ...this.#spreading.held(),
      ...this.admitting.held(blocks),
      ...this.#performing.held(blocks),
      { what: 'inputs of the next epoch', entries: this.#early.length, max: EARLY_MAX },
      { what: 'live blocks', entries: liveBlocks, max: blocks },
      { what: 'slots of the vote', entries: this.#state?.slots.size ?? 0, max: slots },
      { what: 'blocks of the vote', entries: this.#state?.blocks.size ?? 0, max: blocks },
      { what: 'blocks asked for', entries: this.#state?.fetches.size ?? 0, max: blocks }
    ]
  }

  /** Starts to vote from the newest final block, with what the disk remembers above it; own votes among it. */
  start(resumed: Resumed): void {
    this.#running = true
    this.#begin(resumed)
  }

  #begin({ restored, votes }: Resumed): void {
    const { genesis, epochs } = this.#context
    this.#epoch = epochs.running
    const config = consensusConfig(genesis, this.#epoch, this.#parts.ledger.final.header)
    this.#state = createConsensus(config, restored)
    this.#parts.onSlot()
    for (const certificate of restored.certificates) this.#spreading.keep(certificate)
    this.input({ type: 'tick' })
    for (const certificate of this.#spreading.kept()) this.input({ type: 'certificate', certificate })
    for (const vote of votes) this.input({ type: 'vote', vote })
    for (const input of this.#early.splice(0)) this.input(input)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#parts.onSlot()
    this.#timer?.cancel()
    this.#performing.stop()
    this.#spreading.stop()
    await this.#serial.idle()
  }

  /** What is of no `epoch` is of the running one. */
  input(input: Input, epoch: number | undefined = epochOf(input)): void {
    if (!this.#running) return
    void this.#serial.run(async () => {
      if (!this.#running || this.#state === null) return
      try {
        const running = this.#epoch.number
        if (epoch !== undefined && epoch > running) this.#wait(input)
        else if (epoch !== undefined && epoch < running) await this.#answerLate(input, epoch)
        else {
          const [next, effects] = step(this.#state, this.#nowMs(), input)
          const { frontier } = this.#state
          this.#state = next
          if (next.frontier !== frontier) this.#openSlot(next)
          for (const effect of effects) await this.#performing.perform(effect, this.#epoch)
        }
      } catch (error) {
        this.#context.fail(error)
      }
    })
  }

  #openSlot({ frontier, timers }: State): void {
    this.#parts.onSlot()
    if (timers === null) return
    const patienceMs = timers.deadlineMs - timers.enteredMs
    this.#context.log.debug({ slot: frontier, patienceMs }, 'a slot opens')
  }

  #wait(input: Input): void {
    if (this.#early.length < EARLY_MAX) this.#early.push(input)
  }

  async #answerLate(input: Input, number: number): Promise<void> {
    if (this.#previous?.epoch.number !== number) return
    const { state, epoch } = this.#previous
    const [next, effects] = step(state, this.#nowMs(), input)
    this.#previous = { state: next, epoch }
    for (const effect of effects) if (LATE.has(effect.type)) await this.#performing.perform(effect, epoch)
  }

  /** The own seat was taken up: consensus begins anew from the final block, as after a restart. */
  renew(): void {
    this.#isStale = true
    this.#turn()
  }

  /** Where the final chain has gone on into another epoch, its consensus begins. */
  #turn(): void {
    void this.#serial.run(async () => {
      try {
        const { running } = this.#context.epochs
        const isNext = running.number > this.#epoch.number
        if (!this.#running || this.#state === null || !(isNext || this.#isStale)) return
        const resumed = await this.#parts.resume()
        if (resumed === undefined) return
        this.#isStale = false
        this.#context.log.info(
          { epoch: running.number, votes: running.self !== null },
          isNext ? 'an epoch begins' : 'the own seat is taken up'
        )
        if (isNext) this.#previous = { state: this.#state, epoch: this.#epoch }
        this.#begin(resumed)
      } catch (error) {
        this.#context.fail(error)
      }
    })
  }

  /** Final blocks that sync has committed already. */
  jump(block: Block, certificate: Certificate): void {
    if (block.header.epoch === this.#epoch.number)
      this.input({ type: 'final', block: blockRef(block, this.#context.genesis.epochs), certificate })
    this.#turn()
  }

  /** A timer may fire a little early, and the step asks for a time only once: never tick before it. */
  #wakeAt(atMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#context.clock.after(Math.max(1, atMs - this.#nowMs()), () => {
      if (this.#nowMs() < atMs) this.#wakeAt(atMs)
      else this.input({ type: 'tick' })
    })
  }

  #nowMs(): number {
    return Math.floor(this.#context.clock.nowMs())
  }
}

/** What an ended epoch still does. */
const LATE: ReadonlySet<Effect['type']> = new Set<Effect['type']>(['answer', 'evidence'])

/** Blocks name none here: their door has looked at it. */
const epochOf = (input: Input): number | undefined =>
  input.type === 'vote'
    ? input.vote.epoch
    : input.type === 'certificate'
      ? input.certificate.epoch
      : undefined
