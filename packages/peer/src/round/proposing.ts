/**
 * Builds blocks. A block that closes a round waits for attestations of a quorum, and a moment longer
 * for the rest; which deltas it then names is a rule of the ledger, not the leader's choice.
 */
import { isFault, News, orAfter, toHex } from '@gradmesh/core'
import { namedTrainers } from '@gradmesh/ledger'
import {
  type Attest,
  type Block,
  type BlockBody,
  type BlockHeader,
  bitmapHas,
  blockIdOf,
  bodyHashOf,
  type Digest,
  decodeBlock,
  deltaDigest,
  encodeBlock,
  type NamedDelta,
  PROTOCOL_VERSION,
  rulesHashOf,
  signBlock
} from '@gradmesh/wire'
import { type Context, digestOf } from '../context.ts'
import type { FinalPoint, Ledger } from '../state/ledger.ts'
import type { Attesting } from './attesting.ts'
import type { DeltaPool } from './delta-pool.ts'
import type { Evidences } from './evidences.ts'
import { askHeaders } from './gathering.ts'
import type { Proposal } from './performing.ts'
import type { TransactionPool } from './transaction-pool.ts'

/** How long a leader with a quorum waits for the other validators' attestations. */
const LINGER_MS = 100
/** How long until it looks again for a delta that is attested and was not to be had. */
const RETRY_MS = 50

const EMPTY: BlockBody = { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] }

export interface ProposerParts {
  readonly ledger: Ledger
  readonly pool: DeltaPool
  readonly attesting: Attesting
  readonly transactions: TransactionPool
  readonly evidences: Evidences
}

export class Proposer {
  readonly #context: Context
  readonly #parts: ProposerParts
  readonly #rules: Digest
  readonly #news = new News()

  constructor(context: Context, parts: ProposerParts) {
    this.#context = context
    this.#parts = parts
    this.#rules = rulesHashOf(context.genesis)
  }

  /** Something that a leader waits for may have come: an attestation, a final block, the end of its slot. */
  look(): void {
    this.#news.tell()
  }

  /** A durable, signed block for this slot; undefined when the slot is over before there is one. */
  async propose(proposal: Proposal, lapsed: () => boolean): Promise<Block | undefined> {
    const stored = await this.#context.safety.ownBlock(proposal.slot)
    // Of a block that was signed and lost in a crash nothing but the id is left: the slot has to pass without one.
    if (stored?.bytes === null) return undefined
    if (stored !== undefined) {
      const block = decodeBlock(stored.bytes)
      return isFault(block) ? undefined : block
    }
    const body = proposal.empty ? EMPTY : await this.#roundBody(proposal, lapsed)
    if (body === undefined || lapsed()) return undefined
    const block = await this.#seal(proposal, body)
    if (block === undefined || lapsed()) return undefined
    await this.#context.safety.recordOwnBlock(proposal.slot, blockIdOf(block.header), encodeBlock(block))
    return block
  }

  /** Waits for a final parent and a quorum of attestations on it, until the slot is over. */
  async #roundBody({ parentId }: Proposal, lapsed: () => boolean): Promise<BlockBody | undefined> {
    const { ledger, attesting } = this.#parts
    while (!lapsed()) {
      const { next } = this.#news
      const { final } = ledger
      // The parent is final, but its commit may still be under way.
      const isCommitted = final.id === parentId
      if (isCommitted && isOver(this.#context, ledger)) return EMPTY
      if (isCommitted && attesting.hasQuorum(final)) {
        const body = await this.#bodyOn(final)
        if (body !== undefined) return body
        await orAfter(this.#context.clock, next, RETRY_MS)
      } else await next
    }
    return undefined
  }

  /** Undefined while a delta that it has to name is not to be had. */
  async #bodyOn(final: FinalPoint): Promise<BlockBody | undefined> {
    const { attesting, transactions, evidences } = this.#parts
    await this.#linger()
    const attests = attesting.all()
    const deltas = await this.#name(final, attests)
    if (deltas === undefined) return undefined
    const txs = transactions.forBlock(final)
    return { deltas, attests, keys: [], scores: [], txs, evidence: evidences.forBlock(final) }
  }

  /** For the attestations that are still on their way. */
  async #linger(): Promise<void> {
    const { clock } = this.#context
    const endMs = clock.nowMs() + LINGER_MS
    for (;;) {
      const { next } = this.#news
      const leftMs = endMs - clock.nowMs()
      if (this.#parts.attesting.isComplete() || leftMs <= 0) return
      await orAfter(clock, next, leftMs)
    }
  }

  /** The digests of the deltas that the rules name; undefined while one is not to be had. */
  async #name(final: FinalPoint, attests: readonly Attest[]): Promise<NamedDelta[] | undefined> {
    const { round, running, trainers } = final.accounts
    const { seed } = this.#context.genesis
    const named: NamedDelta[] = []
    for (const trainer of namedTrainers(running, seed, trainers.length, round, attests)) {
      const key = toHex(trainers[trainer]!.key)
      const digest =
        this.#parts.pool.ofTrainer(key)?.digest ?? (await this.#ask(key, trainer, round, attests))
      if (digest === undefined) return undefined
      named.push({ trainer, digest: digestOf(digest) })
    }
    return named
  }

  /** A delta that others attest and this peer has not seen: its attesters know its header. */
  async #ask(
    key: string,
    trainer: number,
    round: number,
    attests: readonly Attest[]
  ): Promise<string | undefined> {
    const { epochs, self } = this.#context
    const { keys } = epochs.running
    const holders = attests.filter(a => bitmapHas(a.bitmap, trainer)).map(a => toHex(keys[a.validator]!))
    for (const holder of holders.filter(h => h !== self)) {
      const headers = await askHeaders(this.#context, holder, round)
      const found = headers.find(({ header }) => toHex(header.trainer) === key)
      if (found === undefined) continue
      const delta = await this.#parts.pool.fetch(toHex(deltaDigest(found.header)), holders)
      if (delta !== undefined) return delta.digest
    }
    return undefined
  }

  async #seal({ epoch, slot, parentSlot, parentId }: Proposal, body: BlockBody): Promise<Block | undefined> {
    const { chainId, keys } = this.#context
    const { ledger } = this.#parts
    const parent = await ledger.stateAfter(parentId)
    if (parent === undefined) return undefined
    const header: BlockHeader = {
      protocol: PROTOCOL_VERSION,
      chainId,
      epoch: epoch.number,
      slot,
      height: parent.height + 1,
      parentSlot: parentSlot,
      parentId: digestOf(parentId),
      round: parent.accounts.round,
      transcriptRoot: parent.accounts.transcriptRoot,
      stateRoot: parent.root,
      validatorSetHash: epoch.setHash,
      rulesHash: this.#rules,
      reveal: new Uint8Array(32),
      bodyHash: bodyHashOf(body)
    }
    return signBlock(header, body, keys)
  }
}

/** The last round is closed: only empty blocks follow. */
export const isOver = ({ genesis }: Context, { final }: Ledger): boolean =>
  genesis.end.rounds !== null && final.accounts.round >= genesis.end.rounds
