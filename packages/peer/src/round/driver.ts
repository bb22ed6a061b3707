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
import { type Fault, isFault, MeshError, type Timer, toHex } from '@gradmesh/core'
import { closesEpoch } from '@gradmesh/ledger'
import {
  type Block,
  BOUNDS,
  blockIdOf,
  type Certificate,
  decodeBlock,
  decodeCertificate,
  decodeVote,
  type EpochRules,
  encodeBlock,
  encodeCertificate,
  encodeVote,
  signVote,
  type Vote,
  type VoteBody,
  verifyBlockSignature,
  verifyVote
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { Echoes } from '../echoes.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import { Serial } from '../serial.ts'
import type { Ledger } from '../state/ledger.ts'
import type { Resumed } from '../sync/resuming.ts'
import { consensusConfig } from './consensus-config.ts'
import type { Epoch } from './epochs.ts'
import type { Evidences } from './evidences.ts'

/** How long a validator that does not lead waits before it sends a certificate that gossip did not bring. */
const SPREAD_MS = 250
const SPREAD_TURN_MS = 50
/** Live certificates kept to bring others on: a few a slot, for the slots above the final one. */
const CERTIFICATES_MAX = 256
/** Votes and blocks are repeated every second by their authors; who says them more often is not them. */
const ECHO_MS = 500
/** One answer reaches all who wait for it. */
const ANSWER_EVERY_MS = 1000
/** Votes, certificates and blocks of the next epoch, kept for the moment in which this one ends. */
const EARLY_MAX = 512
/** Certificates that need not be spread again; one more than that is only sent twice. */
const SPREAD_MAX = 1024
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

export class Driver {
  readonly #context: Context
  readonly #parts: DriverParts
  readonly #serial = new Serial()
  readonly #certificates = new Map<string, Certificate>()
  /** Those that gossip has carried, from us or from others. */
  readonly #spread = new Set<string>()
  readonly #turns = new Set<Timer>()
  readonly #heard: Echoes
  readonly #answered: Echoes
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
  /** First sight of each live block, for the time to finality. */
  readonly #seenMs = new Map<string, number>()
  onFinality: (milliseconds: number) => void = () => {}

  constructor(context: Context, parts: DriverParts) {
    this.#context = context
    this.#parts = parts
    this.#epoch = context.epochs.running
    this.#heard = new Echoes(context.clock, ECHO_MS)
    this.#answered = new Echoes(context.clock, ANSWER_EVERY_MS)
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
    return [...this.#certificates.values()]
  }

  /** Slots of which anything may be kept. */
  get slots(): number {
    return this.frontier - this.#parts.ledger.final.slot + SLOTS_AHEAD + SLOTS_BELOW_FINAL + 1
  }

  held({ slots, liveBlocks }: Extent): readonly Held[] {
    // Besides two proposals a slot, one that a certificate asks for.
    const blocks = (BLOCKS_PER_SLOT + 1) * slots
    return [
      { what: 'certificates', entries: this.#certificates.size, max: CERTIFICATES_MAX },
      { what: 'spread certificates', entries: this.#spread.size, max: SPREAD_MAX },
      { what: 'timers', entries: this.#turns.size, max: SPREAD_MAX + blocks },
      { what: 'inputs of the next epoch', entries: this.#early.length, max: EARLY_MAX },
      { what: 'first sights', entries: this.#seenMs.size, max: blocks },
      { what: 'live blocks', entries: liveBlocks, max: blocks },
      { what: 'slots of the vote', entries: this.#state?.slots.size ?? 0, max: slots },
      { what: 'blocks of the vote', entries: this.#state?.blocks.size ?? 0, max: blocks },
      { what: 'blocks asked for', entries: this.#state?.fetches.size ?? 0, max: blocks },
      this.#heard.held('votes and blocks passed on'),
      this.#answered.held('certificates answered with')
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
    for (const certificate of restored.certificates) this.#keep(certificate)
    this.input({ type: 'tick' })
    for (const certificate of this.#certificates.values()) this.input({ type: 'certificate', certificate })
    for (const vote of votes) this.input({ type: 'vote', vote })
    for (const input of this.#early.splice(0)) this.input(input)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    for (const timer of this.#turns) timer.cancel()
    await this.#serial.idle()
  }

  input(input: Input): void {
    if (!this.#running) return
    void this.#serial.run(async () => {
      if (!this.#running || this.#state === null) return
      try {
        const epoch = epochOfInput(input) ?? this.#epoch.number
        if (epoch > this.#epoch.number) this.#wait(input)
        else if (epoch < this.#epoch.number) await this.#answerLate(input, epoch)
        else {
          const [next, effects] = step(this.#state, this.#nowMs(), input)
          this.#state = next
          for (const effect of effects) await this.#perform(effect, this.#epoch)
        }
      } catch (error) {
        this.#context.fail(error)
      }
    })
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

  // ------------------------------------------------------------- the door: bytes become inputs

  offerVote(bytes: Uint8Array): Fault<FaultCode> | null {
    const vote = decodeVote(bytes)
    return isFault(vote) ? vote : (this.takeVote(vote) ?? this.#gossipOf(vote))
  }

  /** Whether others need to hear a vote that was taken here: those of slots that are open, and not too often. */
  #gossipOf({ epoch, slot, kind, validator }: Vote): Fault<FaultCode> | null {
    const { settled, last } = this.#slotsOf(this.#context.epochs.at(epoch)!)
    if (slot < settled - SLOTS_BELOW_FINAL) return peerFault('VOTE_PAST')
    if (slot > last) return peerFault('VOTE_EARLY')
    return this.#heard.isEcho(`${epoch}/${slot}/${kind}/${validator}`) ? peerFault('VOTE_KNOWN') : null
  }

  /** The slots of an epoch that are open here: above `settled`, up to `last`. */
  #slotsOf({ number }: Epoch): { readonly settled: number; readonly last: number } {
    const { header, slot, accounts } = this.#parts.ledger.final
    const gap = BOUNDS.slotsBetweenEpochs
    if (number < accounts.epoch) return { settled: Number.POSITIVE_INFINITY, last: 0 }
    return {
      settled: number > (header?.epoch ?? 0) ? slot + gap - 1 : slot,
      last: this.frontier + SLOTS_AHEAD + (number > this.#epoch.number ? gap : 0)
    }
  }

  takeVote(vote: Vote): Fault<FaultCode> | null {
    const epoch = this.#context.epochs.at(vote.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    if (!verifyVote(vote, epoch.keys, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    this.input({ type: 'vote', vote })
    return null
  }

  offerCertificate(bytes: Uint8Array): Fault<FaultCode> | null {
    const certificate = decodeCertificate(bytes)
    return isFault(certificate) ? certificate : this.takeCertificate(certificate)
  }

  takeCertificate(certificate: Certificate): Fault<FaultCode> | null {
    if (certificate.slot <= this.#parts.ledger.final.slot) return peerFault('VOTE_PAST')
    const key = keyOf(certificate)
    // Not looked at again, so not passed on either: its signatures may be others than those that were checked.
    if (this.#spread.has(key)) return peerFault('CERTIFICATE_KNOWN')
    const { epochs, chainId } = this.#context
    const epoch = epochs.at(certificate.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    if (!epoch.certifies(certificate, chainId)) return peerFault('WIRE_SIGNATURE')
    this.#markSpread(key)
    // Nobody says it again to one who had it, so what comes before the start is kept for it.
    if (!this.#running) this.#keep(certificate)
    else if (!this.#certificates.has(key)) this.input({ type: 'certificate', certificate })
    return null
  }

  offerBlock(bytes: Uint8Array): Fault<FaultCode> | null {
    const block = decodeBlock(bytes)
    if (isFault(block)) return block
    const wrong = this.takeBlock(block)
    if (wrong !== null) return wrong
    return this.#heard.isEcho(toHex(blockIdOf(block.header))) ? peerFault('BLOCK_KNOWN') : null
  }

  /** `asked`: a certificate names it, so it is taken whatever else its leader has signed. */
  takeBlock(block: Block, asked = false): Fault<FaultCode> | null {
    const { slot } = block.header
    const { ledger } = this.#parts
    if (slot <= ledger.final.slot) return peerFault('BLOCK_PAST')
    const epoch = this.#context.epochs.at(block.header.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    const { settled, last } = this.#slotsOf(epoch)
    if (slot <= settled) return peerFault('BLOCK_PAST')
    if (slot > last) return peerFault('BLOCK_EARLY')
    if (!verifyBlockSignature(block, epoch.leaderKey(slot))) return peerFault('BLOCK_LEADER')
    const id = toHex(blockIdOf(block.header))
    if (ledger.block(id) !== undefined) return null
    const rivals = ledger.liveBlocks().filter(({ header }) => header.slot === slot)
    if (!asked && rivals.length >= BLOCKS_PER_SLOT) return peerFault('BLOCK_TWICE')
    this.#accuse(block, id, epoch)
    ledger.add(block)
    if (!this.#seenMs.has(id)) this.#seenMs.set(id, this.#context.clock.nowMs())
    const input: Input = { type: 'block', block: this.#refOf(block, id) }
    if (epoch.number > this.#epoch.number) this.#wait(input)
    else this.input(input)
    return null
  }

  /** Final blocks that sync has committed already. */
  jump(block: Block, certificate: Certificate): void {
    const id = toHex(blockIdOf(block.header))
    if (block.header.epoch === this.#epoch.number)
      this.input({ type: 'final', block: this.#refOf(block, id), certificate })
    this.#turn()
  }

  #refOf(block: Block, id: string): BlockRef {
    return refOf(block, id, this.#context.genesis.epochs)
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
        this.#keep(effect.certificate)
        await this.#context.chain.putCertificate(effect.certificate)
        await this.#publishOnce(effect.certificate)
        return
      case 'answer':
        if (this.#answered.isEcho(keyOf(effect.certificate))) return
        await net.publish(topics.certificates.name, encodeCertificate(effect.certificate))
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
        this.#later(missingMs, () => void this.#validate(id, Math.min(2 * missingMs, MISSING_MS_MAX)))
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
      this.takeBlock(block)
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
    const wrong = this.takeBlock(block, true)
    if (wrong !== null) this.#context.faults.count(wrong)
  }

  async #finalise(refs: readonly BlockRef[], certificate: Certificate): Promise<void> {
    try {
      const { ledger } = this.#parts
      const blocks = refs.flatMap(({ id }) => ledger.block(id) ?? [])
      const seen = this.#seenMs.get(refs.at(-1)!.id)
      if (seen !== undefined) this.onFinality(this.#context.clock.nowMs() - seen)
      await ledger.commit(blocks, certificate)
      await this.#context.chain.pruneLive(ledger.final.slot)
      this.#prune(ledger.final.slot)
      this.#turn()
    } catch (error) {
      this.#context.fail(error)
    }
  }

  #keep(certificate: Certificate): void {
    if (certificate.slot <= this.#parts.ledger.final.slot) return
    if (this.#certificates.size < CERTIFICATES_MAX) this.#certificates.set(keyOf(certificate), certificate)
  }

  /**
   * Everybody forms the same certificate out of the same votes; one copy is enough for those who missed some.
   * The slot's leader sends it at once, the others in turn, each only if gossip has brought none by then.
   */
  async #publishOnce(certificate: Certificate): Promise<void> {
    const key = keyOf(certificate)
    if (this.#spread.has(key)) return
    const { net, topics } = this.#context
    const { self, seats } = this.#epoch
    const leader = this.#epoch.leader(certificate.slot)
    const turn = ((self ?? seats.length) - leader + seats.length) % seats.length
    const publish = async (): Promise<void> => {
      this.#markSpread(key)
      await net.publish(topics.certificates.name, encodeCertificate(certificate))
    }
    if (self === leader) return publish()
    this.#later(SPREAD_MS + turn * SPREAD_TURN_MS, () => {
      const isNeeded = !this.#spread.has(key) && certificate.slot > this.#parts.ledger.final.slot
      if (isNeeded) void publish().catch(error => this.#context.fail(error))
    })
  }

  #markSpread(key: string): void {
    this.#spread.add(key)
    if (this.#spread.size > SPREAD_MAX) this.#spread.delete(this.#spread.keys().next().value!)
  }

  #later(delayMs: number, run: () => void): void {
    const timer = this.#context.clock.after(delayMs, () => {
      this.#turns.delete(timer)
      if (this.#running) run()
    })
    this.#turns.add(timer)
  }

  #prune(finalSlot: number): void {
    for (const key of this.#spread) if (slotOf(key) <= finalSlot) this.#spread.delete(key)
    for (const [key, certificate] of this.#certificates)
      if (certificate.slot <= finalSlot) this.#certificates.delete(key)
    for (const id of this.#seenMs.keys())
      if (this.#parts.ledger.block(id) === undefined) this.#seenMs.delete(id)
  }

  /** Two blocks by one leader for one slot. */
  #accuse(block: Block, id: string, epoch: Epoch): void {
    const other = this.#parts.ledger.liveBlocks().find(({ header }) => header.slot === block.header.slot)
    if (other === undefined || toHex(blockIdOf(other.header)) === id) return
    const { header, signature } = block
    this.#parts.evidences.add({
      kind: 'blocks',
      key: epoch.leaderKey(header.slot),
      first: { header: other.header, signature: other.signature },
      second: { header, signature }
    })
  }
}

/** What an ended epoch still does. */
const LATE: ReadonlySet<Effect['type']> = new Set<Effect['type']>(['answer', 'evidence'])

const PENDING: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'STATE_PARENT',
  'DELTA_UNAVAILABLE',
  'BLOCK_PAST'
])

const slotOf = (key: string): number => Number(key.slice(0, key.indexOf('/')))

/** Blocks name none here: their door has looked at it. */
const epochOfInput = (input: Input): number | undefined =>
  input.type === 'vote'
    ? input.vote.epoch
    : input.type === 'certificate'
      ? input.certificate.epoch
      : undefined

const keyOf = ({ slot, kind, blockId }: Certificate): string => `${slot}/${kind}/${toHex(blockId)}`

export const refOf = (block: Block, id: string, epochs: EpochRules): BlockRef => ({
  id,
  slot: block.header.slot,
  height: block.header.height,
  parentSlot: block.header.parentSlot,
  parentId: toHex(block.header.parentId),
  empty: block.body.attests.length === 0,
  boundary: block.body.attests.length > 0 && closesEpoch(epochs, block.header.round)
})
