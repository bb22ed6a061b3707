/**
 * The chain as this peer knows it: the newest final point, the live blocks above it, and the way a
 * block takes from "proposed" to "final". Execution is in the state thread; what is here decides the
 * order: payloads durable, then a vote; certificate durable, then the next round.
 */
import { equalBytes, type Fault, MeshError, pause, Serial, toHex } from '@gradmesh/core'
import type { Accounts, Receipt } from '@gradmesh/ledger'
import {
  type Block,
  type BlockHeader,
  BOUNDS,
  blockIdOf,
  type Certificate,
  type Digest,
  DigestList,
  encodeBlock,
  type PublicKey
} from '@gradmesh/wire'
import { type Context, digestOf } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import type { DeltaPool, PooledDelta } from '../round/delta-pool.ts'
import type { Adopted } from '../sync/fetching.ts'
import { keepSetsProof, setsProofAt } from '../sync/sets-proofs.ts'
import { leafBytes } from './leaves.ts'
import { prune } from './pruning.ts'
import type { StateHead } from './state-table.ts'

const RETRY_MS = 500

/** A final block and the state after it. */
export class FinalPoint {
  readonly id: string
  readonly height: number
  readonly slot: number
  readonly header: BlockHeader | null
  readonly root: Digest
  readonly accounts: Accounts
  /** Final points of one chain share it: the registry only grows. */
  readonly #trainers: Map<string, number>

  constructor(head: StateHead, header: BlockHeader | null, before: FinalPoint | null = null) {
    this.id = head.id
    this.height = head.height
    this.slot = header?.slot ?? 0
    this.header = header
    this.root = head.root
    this.accounts = head.accounts
    this.#trainers = before === null ? new Map() : before.#trainers
    const { trainers } = head.accounts
    for (let i = this.#trainers.size; i < trainers.length; i++) this.#trainers.set(toHex(trainers[i]!.key), i)
  }

  /** Index into the trainer registry, by key. */
  trainerIndex(key: PublicKey | string): number | undefined {
    const index = this.#trainers.get(typeof key === 'string' ? key : toHex(key))
    return index !== undefined && index < this.accounts.trainers.length ? index : undefined
  }

  isTrainer(key: PublicKey | string): boolean {
    return this.trainerIndex(key) !== undefined
  }
}

interface Due {
  readonly height: number
  readonly accounts: Uint8Array
  readonly leaves: DigestList
  readonly weights: Int32Array
}

export interface FinalChange {
  readonly before: FinalPoint
  readonly after: FinalPoint
  readonly blocks: readonly Block[]
  readonly receipts: readonly Receipt[]
  /** Deltas that were held here and that no block of their round named. */
  readonly refused: readonly PooledDelta[]
}

/** A state is gone while a block on it was looked at: another block became final in its place. */
export const isOvertaken = (error: unknown): boolean =>
  error instanceof MeshError && error.code === 'STATE_UNKNOWN'

export class Ledger {
  readonly #context: Context
  readonly #pool: DeltaPool
  readonly #blocks = new Map<string, Block>()
  readonly #heads = new Map<string, StateHead>()
  /** Slots above the final one that a SKIP certificate has closed. */
  readonly #skipped = new Set<number>()
  readonly #serial = new Serial()
  #final: FinalPoint
  #checkpointed: number
  /** The checkpoint that is being written, beside the ledger's own way. */
  #writing: Promise<void> | null = null
  #stopped = false
  /** Awaited in order, before the next block can become final. */
  onFinal: (change: FinalChange) => Promise<void> = async () => {}

  constructor(context: Context, pool: DeltaPool, final: FinalPoint, head: StateHead, checkpointed: number) {
    this.#context = context
    this.#pool = pool
    this.#final = final
    this.#heads.set(final.id, head)
    this.#checkpointed = checkpointed
  }

  get final(): FinalPoint {
    return this.#final
  }

  /** A live block, or undefined when it is unknown or final already. */
  block(id: string): Block | undefined {
    return this.#blocks.get(id)
  }

  liveBlocks(): Block[] {
    return [...this.#blocks.values()]
  }

  held({ liveBlocks, slots }: Extent): readonly Held[] {
    return [
      // Besides the final one, those that are on the way to it, as many as come at once while syncing.
      { what: 'states', entries: this.#heads.size, max: liveBlocks + 1 + BOUNDS.syncBlocksMax },
      { what: 'skipped slots', entries: this.#skipped.size, max: slots }
    ]
  }

  add(block: Block): string {
    const id = toHex(blockIdOf(block.header))
    if (block.header.slot > this.#final.slot) this.#blocks.set(id, block)
    return id
  }

  /** The state after a final or live block, executing what is needed; undefined while payloads are missing. */
  stateAfter(id: string): Promise<StateHead | undefined> {
    return this.#executeLive(id)
  }

  /**
   * All that must hold before a vote for this block: its payloads are here and durable, its roots and
   * its rules are right. Null when they are.
   */
  async prepare(id: string, leader: PublicKey): Promise<Fault<FaultCode> | null> {
    const block = this.#blocks.get(id)
    if (block === undefined) return peerFault('BLOCK_PAST')
    const parentId = toHex(block.header.parentId)
    const parent = await this.#executeLive(parentId)
    if (parent === undefined)
      return peerFault('STATE_PARENT', `block ${parentId.slice(0, 12)} is not known here`)
    const wrong = await this.#context.state.validate({ block: encodeBlock(block), leader })
    if (wrong !== null) return wrong
    const deltas = await this.#hold(block)
    if (deltas === undefined) return peerFault('DELTA_UNAVAILABLE')
    const misnamed = await this.#context.state.validateNamed({ block: encodeBlock(block) })
    if (misnamed !== null) return misnamed
    await this.#context.chain.putProposal(
      block,
      deltas.map(delta => delta.signed)
    )
    void this.#executeAhead(block)
    return null
  }

  /** Beside the vote, which does not rest on it: a block carries its parent's roots. */
  async #executeAhead(block: Block): Promise<void> {
    try {
      await this.#execute(block)
      if (this.#skipped.has(block.header.slot)) await this.#shed()
    } catch (error) {
      if (!isOvertaken(error) && !this.#stopped) this.#context.fail(error)
    }
  }

  /**
   * A SKIP certificate has closed this slot. The states of its proposals take 4 bytes a parameter each and go, unless
   * something is built on them: a quorum whose leaders are late would hold one for every slot. A block that becomes an
   * ancestor of others all the same is executed anew.
   */
  skipped(slot: number): Promise<void> {
    if (slot > this.#final.slot) this.#skipped.add(slot)
    return this.#shed()
  }

  /** In turn with commits, whose blocks stand on each other's states. */
  #shed(): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#stopped) return
      const parents = new Set([...this.#blocks.values()].map(({ header }) => toHex(header.parentId)))
      const ids: string[] = []
      for (const [id, { header }] of this.#blocks) {
        if (!this.#skipped.has(header.slot) || parents.has(id) || !this.#heads.delete(id)) continue
        ids.push(id)
      }
      if (ids.length > 0) await this.#context.state.forget({ ids })
    })
  }

  /** Makes these consecutive blocks final; ones that are final already are passed over. */
  commit(blocks: readonly Block[], certificate: Certificate): Promise<void> {
    return this.#serial.run(async () => {
      const news = blocks.filter(block => block.header.height > this.#final.height)
      if (news.length === 0 || this.#stopped) return
      const receipts: Receipt[] = []
      for (const block of news) receipts.push(...(await this.#finish(block)))
      if (this.#stopped) return
      const last = news.at(-1)!
      const id = toHex(blockIdOf(last.header))
      // A boundary may be final by an empty descendant's certificate, which has no place in the chain.
      const own = toHex(certificate.blockId) === id ? certificate : null
      await this.#keepSetsProof(last, own)
      await this.#context.chain.commitFinal(news, own, receipts)
      await this.#context.safety.recordFinal(last.header.height, digestOf(id))
      await this.#moveTo(id, last, news, receipts)
    })
  }

  /** The first block of an epoch with a certificate of its own shows everybody who votes in the next. */
  async #keepSetsProof({ header }: Block, certificate: Certificate | null): Promise<void> {
    const { chain, state } = this.#context
    if (certificate === null || (await setsProofAt(chain, header.epoch)) !== undefined) return
    const proof = await state.setsProof({ id: toHex(header.parentId) })
    await keepSetsProof(chain, { header, certificate, ...proof })
  }

  /** What was asked of it so far is done. */
  settled(): Promise<void> {
    return this.#serial.idle()
  }

  /** Ends retries; what is under way settles. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#serial.idle()
    await this.#writing
  }

  /**
   * Goes on from a checkpoint that others proved, without the blocks between: for a peer that was away for longer
   * than anybody keeps them. `fetch` calls `onSettled` when the state thread has left the old states.
   */
  leap(fetch: (onSettled: () => void) => Promise<Adopted | undefined>): Promise<boolean> {
    return this.#serial.run(async () => {
      await this.#writing
      if (this.#stopped) return false
      const adopted = await fetch(() => {
        this.#blocks.clear()
        this.#heads.clear()
        this.#skipped.clear()
      })
      if (adopted === undefined) return false
      const before = this.#final
      const { head, header } = adopted
      await this.#context.safety.recordFinal(head.height, digestOf(head.id))
      this.#final = new FinalPoint(head, header, before)
      this.#heads.set(head.id, head)
      this.#checkpointed = head.height
      this.#context.epochs.turn(head.accounts)
      const refused = await this.#pool.advance(this.#final)
      await this.onFinal({ before, after: this.#final, blocks: [], receipts: [], refused })
      return true
    })
  }

  async #moveTo(
    id: string,
    last: Block,
    blocks: readonly Block[],
    receipts: readonly Receipt[]
  ): Promise<void> {
    const before = this.#final
    const checkpoint = await this.#dueCheckpoint(blocks)
    const head = await this.#context.state.finalise({ id })
    this.#final = new FinalPoint(head, last.header, before)
    this.#context.epochs.turn(head.accounts)
    for (const [other, block] of this.#blocks)
      if (block.header.slot <= last.header.slot) this.#blocks.delete(other)
    for (const slot of this.#skipped) if (slot <= last.header.slot) this.#skipped.delete(slot)
    for (const other of this.#heads.keys())
      if (other !== id && !this.#blocks.has(other)) this.#heads.delete(other)
    this.#heads.set(id, head)
    const past = await this.#pool.advance(this.#final)
    if (checkpoint !== undefined) this.#write(checkpoint)
    const accepted = new Set(receipts.map(({ digest }) => toHex(digest)))
    const refused = past.filter(({ digest }) => !accepted.has(digest))
    await this.onFinal({ before, after: this.#final, blocks, receipts, refused })
  }

  /** At the same heights on every peer, so that one can be fetched from many. */
  async #dueCheckpoint(blocks: readonly Block[]): Promise<Due | undefined> {
    const every = this.#context.genesis.checkpointEvery
    const due = blocks.findLast(({ header }) => header.height % every === 0)
    if (due === undefined || due.header.height <= this.#checkpointed || this.#writing !== null)
      return undefined
    const { height } = due.header
    const { leaves, ...rest } = await this.#context.state.checkpoint({ id: toHex(blockIdOf(due.header)) })
    return { height, leaves: new DigestList(leaves), ...rest }
  }

  /** Beside everything else: writing tens of megabytes must not hold up the next round. */
  #write({ height, accounts, leaves, weights }: Due): void {
    const { chain, genesis, fail } = this.#context
    this.#checkpointed = height
    this.#writing = chain
      .putCheckpoint({ height, accounts, leaves }, leafBytes(weights, genesis.delta.chunk))
      .then(() => prune(this.#context, this.#final))
      .catch(fail)
      .finally(() => {
        this.#writing = null
      })
  }

  /** Executes one block of a final chain, waiting for payloads as long as it takes. */
  async #finish(block: Block): Promise<readonly Receipt[]> {
    const parentHead = this.#heads.get(toHex(block.header.parentId))
    if (parentHead === undefined)
      throw new MeshError('LEDGER_GAP', `final block ${block.header.height} does not follow the final chain`)
    if (!equalBytes(parentHead.root, block.header.stateRoot)) {
      throw new MeshError(
        'LEDGER_DIVERGED',
        `this peer's state after block ${parentHead.height} differs from what the mesh made final`,
        {
          remedy:
            'The peer stops to protect its stake. Run `gradmesh verify` on its data folder; move the folder away and join again.',
          data: {
            height: parentHead.height,
            ours: toHex(parentHead.root),
            theirs: toHex(block.header.stateRoot)
          }
        }
      )
    }
    while (!this.#stopped) {
      const deltas = await this.#hold(block)
      if (deltas !== undefined) {
        await this.#context.chain.putProposal(
          block,
          deltas.map(delta => delta.signed)
        )
        return this.#execute(block)
      }
      this.#context.log.warn({ height: block.header.height }, 'waiting for payloads of a final block')
      await pause(this.#context.clock, RETRY_MS)
    }
    return []
  }

  /** Every delta that the block names, or undefined while one can't be had. Its parent has been executed. */
  async #hold(block: Block): Promise<PooledDelta[] | undefined> {
    const { keys = [] } = this.#context.epochs.at(block.header.epoch) ?? {}
    const attesters = block.body.attests.map(attest => toHex(keys[attest.validator] ?? new Uint8Array()))
    const on = toHex(block.header.parentId)
    const deltas = await Promise.all(
      block.body.deltas.map(({ digest }) => this.#pool.fetch(toHex(digest), attesters, on))
    )
    return deltas.every(delta => delta !== undefined) ? deltas : undefined
  }

  async #executeLive(id: string): Promise<StateHead | undefined> {
    const known = this.#heads.get(id)
    if (known !== undefined) return known
    const block = this.#blocks.get(id)
    if (block === undefined) return undefined
    if ((await this.#executeLive(toHex(block.header.parentId))) === undefined) return undefined
    if ((await this.#hold(block)) === undefined) return undefined
    await this.#execute(block)
    return this.#heads.get(id)
  }

  async #execute(block: Block): Promise<readonly Receipt[]> {
    const { head, receipts } = await this.#context.state.execute({ block: encodeBlock(block) })
    this.#heads.set(head.id, head)
    return receipts
  }
}
