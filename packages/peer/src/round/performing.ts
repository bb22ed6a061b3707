/**
 * Does what the consensus step asks for: makes votes durable before they are sent, proposes, validates, commits. Each
 * effect is finished before the next; only checking a block, proposing, fetching and committing run beside, and answer
 * as inputs.
 */
import type { BlockRef, Effect } from '@gradmesh/consensus'
import { MeshError } from '@gradmesh/core'
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
import type { Held } from '../holding.ts'
import { isOvertaken, type Ledger } from '../state/ledger.ts'
import type { Admitting, Voting } from './admitting.ts'
import { Delays } from './delays.ts'
import type { Epoch } from './epochs.ts'
import type { Evidences } from './evidences.ts'
import type { Spreading } from './spreading.ts'

/** A proposal whose payloads could not be had is looked at again after so long, then after twice as long. */
const MISSING_MS = 150
const MISSING_MS_MAX = 2400

const PENDING: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'STATE_PARENT',
  'DELTA_UNAVAILABLE',
  'BLOCK_PAST'
])

export interface Proposal {
  readonly epoch: Epoch
  readonly slot: number
  readonly parentSlot: number
  readonly parentId: string
  readonly empty: boolean
}

export interface PerformingParts {
  readonly ledger: Ledger
  readonly evidences: Evidences
  /** Builds, signs and stores a block, or answers undefined when the order has lapsed. */
  readonly propose: (proposal: Proposal, lapsed: () => boolean) => Promise<Block | undefined>
  readonly fetchBlock: (id: string) => Promise<Block | undefined>
  readonly sync: () => void
}

/** Where an effect comes from, and what it leads to. */
export interface Around {
  readonly voting: Voting
  readonly admitting: Admitting
  readonly spreading: Spreading
  readonly wakeAt: (atMs: number) => void
  /** From the first sight of a block to its commit. */
  readonly onFinality: (milliseconds: number) => void
  readonly onCommitted: () => void
}

export class Performing {
  readonly #context: Context
  readonly #parts: PerformingParts
  readonly #around: Around
  readonly #delays: Delays
  /** Blocks that a walk over the peers is looking for. */
  readonly #fetching = new Set<string>()

  constructor(context: Context, parts: PerformingParts, around: Around) {
    this.#context = context
    this.#parts = parts
    this.#around = around
    this.#delays = new Delays(context.clock)
  }

  /** @param blocks the most that there may be. */
  held(blocks: number): readonly Held[] {
    return [{ what: 'blocks to be looked at again', entries: this.#delays.size, max: blocks }]
  }

  stop(): void {
    this.#delays.stop()
  }

  async perform(effect: Effect, epoch: Epoch): Promise<void> {
    const { net, topics, safety, log } = this.#context
    const { voting, spreading } = this.#around
    switch (effect.type) {
      case 'vote': {
        const vote = await this.#sign(effect.vote, effect.facts, epoch)
        log.debug({ slot: vote.slot, kind: vote.kind }, 'voted')
        await net.publish(topics.votes.name, encodeVote(vote))
        voting.input({ type: 'vote', vote })
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
        spreading.keep(effect.certificate)
        if (effect.certificate.kind === VoteKind.SKIP)
          void this.#parts.ledger.skipped(effect.certificate.slot).catch(this.#context.fail)
        await this.#context.chain.putCertificate(effect.certificate)
        await spreading.publish(effect.certificate, epoch)
        return
      case 'answer':
        await spreading.answer(effect.certificate)
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
        this.#around.wakeAt(effect.atMs)
        return
      default:
        effect satisfies never
    }
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
      if (
        !this.#around.voting.isRunning ||
        block === undefined ||
        this.#around.voting.frontier > block.header.slot
      )
        return
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
      this.#around.voting.input({ type: 'verdict', id, valid: wrong === null })
    } catch (error) {
      this.#failUnlessOvertaken(error)
    }
  }

  async #propose(proposal: Proposal): Promise<void> {
    try {
      const lapsed = (): boolean =>
        !this.#around.voting.isRunning || this.#around.voting.frontier !== proposal.slot
      const block = await this.#parts.propose(proposal, lapsed)
      this.#context.log.debug(
        { slot: proposal.slot, empty: proposal.empty, lapsed: block === undefined },
        'proposed'
      )
      if (block === undefined) return
      this.#around.admitting.takeBlock(block)
      await this.#context.net.publish(this.#context.topics.blocks.name, encodeBlock(block))
    } catch (error) {
      this.#failUnlessOvertaken(error)
    }
  }

  #failUnlessOvertaken(error: unknown): void {
    if (isOvertaken(error)) this.#context.log.info({ error }, 'a block was overtaken while it was looked at')
    else this.#context.fail(error)
  }

  async #fetch(id: string): Promise<void> {
    // Asked again every second: a walk over silent peers takes longer.
    if (this.#fetching.has(id)) return
    this.#fetching.add(id)
    const block = await this.#parts.fetchBlock(id).finally(() => this.#fetching.delete(id))
    if (block === undefined) return
    const wrong = this.#around.admitting.takeBlock(block, true)
    if (wrong !== null) this.#context.faults.count(wrong)
  }

  async #finalise(refs: readonly BlockRef[], certificate: Certificate): Promise<void> {
    try {
      const { ledger } = this.#parts
      const blocks = refs.flatMap(({ id }) => ledger.block(id) ?? [])
      const seen = this.#around.admitting.firstSeenMs(refs.at(-1)!.id)
      if (seen !== undefined) this.#around.onFinality(this.#context.clock.nowMs() - seen)
      await ledger.commit(blocks, certificate)
      await this.#context.chain.pruneLive(ledger.final.slot)
      this.#around.spreading.prune()
      this.#around.admitting.prune()
      this.#around.onCommitted()
    } catch (error) {
      this.#context.fail(error)
    }
  }
}
