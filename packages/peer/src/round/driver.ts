/**
 * Interprets the effects of the pure consensus step: makes votes durable before they are sent,
 * proposes, validates, commits. Inputs are taken one after another and the effects of one are
 * finished before the next; only checking a block and committing run beside, and answer as inputs.
 */

import {
  BLOCKS_PER_SLOT,
  type BlockRef,
  createConsensus,
  type Effect,
  type Input,
  SLOTS_AHEAD,
  SLOTS_BELOW_FINAL,
  type State,
  step
} from '@gradmesh/consensus'
import { MeshError, Serial, type Timer } from '@gradmesh/core'
import {
  type Block,
  type Certificate,
  encodeBlock,
  encodeVote,
  signVote,
  type Vote,
  type VoteBody,
  VoteKind
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import type { FaultCode } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Resumed } from '../sync/resuming.ts'
import { Admitting, type Voting } from './admitting.ts'
import { blockRef, consensusConfig } from './consensus-config.ts'
import { Delays } from './delays.ts'
import type { Epoch } from './epochs.ts'
import type { Evidences } from './evidences.ts'
import { Spreading } from './spreading.ts'

/** Votes, certificates and blocks of the next epoch, kept for the moment in which this one ends. */
const EARLY_MAX = 512
/** A proposal whose payloads could not be had is looked at again after so long, then after twice as long. */
const MISSING_MS = 150
const MISSING_MS_MAX = 2400

export interface Proposal {
  readonly epoch: Epoch
  readonly slot: number
  readonly parentSlot: number
  readonly parentId: string
  readonly empty: boolean
}

export interface OpenSlot {
  readonly epoch: number
  /** When it times out, on the peer's clock. */
  readonly deadlineMs: number
  /** Indices of seats. */
  readonly voters: ReadonlySet<number>
}

export interface DriverParts {
  readonly ledger: Ledger
  readonly evidences: Evidences
  /** Builds, signs and stores a block, or answers undefined when the order has lapsed. */
  readonly propose: (proposal: Proposal, lapsed: () => boolean) => Promise<Block | undefined>
  readonly fetchBlock: (id: string) => Promise<Block | undefined>
  readonly sync: () => void
  /** Where voting goes on from; undefined while the disk has no certificate of exactly the final block. */
  readonly resume: () => Promise<Resumed | undefined>
}

export class Driver implements Voting {
  readonly admitting: Admitting
  readonly #context: Context
  readonly #parts: DriverParts
  readonly #serial = new Serial()
  readonly #spreading: Spreading
  readonly #delays: Delays
  /** Blocks that a walk over the peers is looking for. */
  readonly #fetching = new Set<string>()
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
    this.#delays = new Delays(context.clock)
    const { ledger, evidences } = parts
    this.#spreading = new Spreading(context, () => ledger.final.slot)
    this.admitting = new Admitting(context, ledger, evidences, this.#spreading, this)
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
      { what: 'blocks to be looked at again', entries: this.#delays.size, max: blocks },
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
    for (const certificate of restored.certificates) this.#spreading.keep(certificate)
    this.input({ type: 'tick' })
    for (const certificate of this.#spreading.kept()) this.input({ type: 'certificate', certificate })
    for (const vote of votes) this.input({ type: 'vote', vote })
    for (const input of this.#early.splice(0)) this.input(input)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    this.#delays.stop()
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
          this.#noteSlot(this.#state, next)
          this.#state = next
          for (const effect of effects) await this.#perform(effect, this.#epoch)
        }
      } catch (error) {
        this.#context.fail(error)
      }
    })
  }

  #noteSlot({ frontier }: State, next: State): void {
    if (next.frontier === frontier || next.timers === null) return
    const { enteredMs, deadlineMs } = next.timers
    this.#context.log.debug({ slot: next.frontier, patienceMs: deadlineMs - enteredMs }, 'a slot opens')
  }

  #wait(input: Input): void {
    if (this.#early.length < EARLY_MAX) this.#early.push(input)
  }

  async #answerLate(input: Input, number: number): Promise<void> {
    if (this.#previous?.epoch.number !== number) return
    const { state, epoch } = this.#previous
    const [next, effects] = step(state, this.#nowMs(), input)
    this.#previous = { state: next, epoch }
    for (const effect of effects) if (LATE.has(effect.type)) await this.#perform(effect, epoch)
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

  // ------------------------------------------------------------- effects

  async #perform(effect: Effect, epoch: Epoch): Promise<void> {
    const { net, topics, safety, log } = this.#context
    switch (effect.type) {
      case 'vote': {
        const vote = await this.#sign(effect.vote, effect.facts, epoch)
        log.debug({ slot: vote.slot, kind: vote.kind }, 'voted')
        await net.publish(topics.votes.name, encodeVote(vote))
        this.input({ type: 'vote', vote })
        return
      }
      case 'resend': {
        const votes = (await safety.votesFrom(effect.slot)).filter(({ slot }) => slot === effect.slot)
        for (const { bytes } of votes) await net.publish(topics.votes.name, bytes)
        const own = await safety.ownBlock(effect.slot)
        if (own?.bytes) await net.publish(topics.blocks.name, own.bytes)
        return
      }
      case 'certificate':
        this.#spreading.keep(effect.certificate)
        if (effect.certificate.kind === VoteKind.SKIP)
          void this.#parts.ledger.skipped(effect.certificate.slot).catch(this.#context.fail)
        await this.#context.chain.putCertificate(effect.certificate)
        await this.#spreading.publish(effect.certificate, epoch)
        return
      case 'answer':
        await this.#spreading.answer(effect.certificate)
        return
      case 'validate':
        void this.#validate(effect.id)
        return
      case 'propose':
        void this.#propose({ ...effect, epoch })
        return
      case 'fetch':
        void this.#fetch(effect.id)
        return
      case 'finalise':
        void this.#finalise(effect.blocks, effect.certificate)
        return
      case 'sync':
        this.#parts.sync()
        return
      case 'evidence':
        log.warn(
          { validator: effect.first.validator, slot: effect.first.slot },
          'a validator contradicted itself'
        )
        this.#parts.evidences.add({
          kind: 'votes',
          key: epoch.keys[effect.first.validator]!,
          first: effect.first,
          second: effect.second
        })
        return
      case 'broken':
        this.#context.fail(
          new MeshError(
            'CONSENSUS_BROKEN',
            `two certificates exclude each other in slot ${effect.first.slot}: more than a third of the stake is faulty`,
            {
              remedy:
                'Stop, keep the data folder as evidence, and agree with the other operators on how to go on.',
              data: { slot: effect.first.slot, other: effect.second.slot }
            }
          )
        )
        return
      case 'wake':
        this.#wakeAt(effect.atMs)
        return
      default:
        effect satisfies never
    }
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

  /** The vote is on the disk when this resolves, as are the block and the certificates that it rests on. */
  async #sign(
    body: VoteBody,
    facts: Extract<Effect, { type: 'vote' }>['facts'],
    { self }: Epoch
  ): Promise<Vote> {
    const { keys, chainId, safety } = this.#context
    const vote = signVote(body, self!, chainId, keys)
    await safety.recordVote(facts, encodeVote(vote))
    return vote
  }

  /** A verdict for the block; while what it needs is missing none, and another look for as long as its slot lasts. */
  async #validate(id: string, missingMs = MISSING_MS): Promise<void> {
    try {
      const block = this.#parts.ledger.block(id)
      if (!this.#running || block === undefined || this.frontier > block.header.slot) return
      const { epoch, slot } = block.header
      const leader = this.#context.epochs.at(epoch)?.leaderKey(slot)
      if (leader === undefined) return
      const wrong = await this.#parts.ledger.prepare(id, leader)
      // Missing is not wrong: it may come while the slot lasts.
      if (wrong !== null && PENDING.has(wrong.fault)) {
        const { height } = block.header
        this.#context.log.info({ height, fault: wrong.fault }, 'a proposal could not be checked yet')
        this.#delays.after(missingMs, () => void this.#validate(id, Math.min(2 * missingMs, MISSING_MS_MAX)))
        return
      }
      if (wrong !== null) {
        this.#context.faults.count(wrong)
        this.#context.log.warn({ slot: block.header.slot, ...wrong }, 'a proposal is invalid')
      }
      this.input({ type: 'verdict', id, valid: wrong === null })
    } catch (error) {
      this.#failUnlessPassed(error)
    }
  }

  async #propose(proposal: Proposal): Promise<void> {
    try {
      const lapsed = (): boolean => !this.#running || this.frontier !== proposal.slot
      const block = await this.#parts.propose(proposal, lapsed)
      this.#context.log.debug(
        { slot: proposal.slot, empty: proposal.empty, lapsed: block === undefined },
        'proposed'
      )
      if (block === undefined) return
      this.admitting.takeBlock(block)
      await this.#context.net.publish(this.#context.topics.blocks.name, encodeBlock(block))
    } catch (error) {
      this.#failUnlessPassed(error)
    }
  }

  /** A state that is gone while a block on it was looked at: another block became final in its place. */
  #failUnlessPassed(error: unknown): void {
    if (error instanceof MeshError && error.code === 'STATE_UNKNOWN')
      this.#context.log.info({ error }, 'a block was overtaken while it was looked at')
    else this.#context.fail(error)
  }

  async #fetch(id: string): Promise<void> {
    // Asked again every second: a walk over silent peers takes longer.
    if (this.#fetching.has(id)) return
    this.#fetching.add(id)
    const block = await this.#parts.fetchBlock(id).finally(() => this.#fetching.delete(id))
    if (block === undefined) return
    const wrong = this.admitting.takeBlock(block, true)
    if (wrong !== null) this.#context.faults.count(wrong)
  }

  async #finalise(refs: readonly BlockRef[], certificate: Certificate): Promise<void> {
    try {
      const { ledger } = this.#parts
      const blocks = refs.flatMap(({ id }) => ledger.block(id) ?? [])
      const seen = this.admitting.firstSeenMs(refs.at(-1)!.id)
      if (seen !== undefined) this.onFinality(this.#context.clock.nowMs() - seen)
      await ledger.commit(blocks, certificate)
      await this.#context.chain.pruneLive(ledger.final.slot)
      this.#spreading.prune()
      this.admitting.prune()
      this.#turn()
    } catch (error) {
      this.#context.fail(error)
    }
  }
}

/** What an ended epoch still does. */
const LATE: ReadonlySet<Effect['type']> = new Set<Effect['type']>(['answer', 'evidence'])

const PENDING: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'STATE_PARENT',
  'DELTA_UNAVAILABLE',
  'BLOCK_PAST'
])

/** Blocks name none here: their door has looked at it. */
const epochOf = (input: Input): number | undefined =>
  input.type === 'vote'
    ? input.vote.epoch
    : input.type === 'certificate'
      ? input.certificate.epoch
      : undefined
