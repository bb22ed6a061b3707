/**
 * The ledger of one peer: final blocks by height with all that a replay from genesis needs, and above
 * them the live blocks and certificates that a restart goes on from. One batch makes blocks final, so
 * the height index, the head and the receipts never disagree. Table of keys: README.
 *
 * Here is what is written when, in which order and how durably; how each kind lies on the disk: the files beside.
 */
import { equalBytes, Serial, sha256 } from '@gradmesh/core'
import {
  type Block,
  blockIdOf,
  type Certificate,
  type Digest,
  deltaDigest,
  encodeBlock,
  encodeCertificate,
  type SignedDelta,
  type SignedDeltaHeader,
  VoteKind
} from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { sequence } from '../failures.ts'
import { beU32 } from '../keys.ts'
import { del, getSealed, put } from '../sealed.ts'
import { Blocks } from './blocks.ts'
import type { ChainStore } from './chain-store.ts'
import { Checkpoints } from './checkpoints.ts'
import { Deltas } from './deltas.ts'
import { type DiskKind, sizesOf } from './disk-use.ts'
import { readError, replaceError } from './error-buffer.ts'
import {
  BASE,
  blockKey,
  certificateKey,
  checkpointKey,
  finalKey,
  HEAD,
  heightKey,
  liveKey,
  metaKey,
  receiptKey
} from './keys.ts'
import { type Live, liveRemovals, readLive } from './live.ts'
import { forgetBlocks, forgetDeltas } from './pruning.ts'
import { readReceipt } from './receipts.ts'
import {
  type Checkpoint,
  type DeltaPlace,
  type ErrorFeedback,
  encodeCheckpoint,
  encodeHead,
  encodeReceipt,
  type Head,
  type LostError,
  type Receipt
} from './values.ts'

export class OpenChain implements ChainStore {
  readonly chainId: Digest
  readonly genesisBytes: Uint8Array
  readonly #database: Database
  readonly #blocks: Blocks
  readonly #deltas: Deltas
  readonly #checkpoints: Checkpoints
  #head: Head
  #base: Head
  /** Writers that read first take turns; bulk writers have a line of their own, so that votes do not wait. */
  readonly #turns = new Serial()
  readonly #bulkTurns = new Serial()

  constructor(database: Database, genesisBytes: Uint8Array, head: Head, base: Head) {
    this.#database = database
    this.#blocks = new Blocks(database)
    this.#deltas = new Deltas(database)
    this.#checkpoints = new Checkpoints(database)
    this.genesisBytes = genesisBytes
    this.chainId = sha256(genesisBytes)
    this.#head = head
    this.#base = base
  }

  head(): Head {
    return this.#head
  }

  base(): Head {
    return this.#base
  }

  // ---------------------------------------------------------------- blocks

  block(id: Digest): Promise<Block | undefined> {
    return this.#blocks.byId(id)
  }

  blockAt(height: number): Promise<Block | undefined> {
    return this.#blocks.at(height)
  }

  idAt(height: number): Promise<Digest | undefined> {
    return this.#blocks.idAt(height)
  }

  finalCertificateFor(height: number): Promise<Certificate | undefined> {
    return this.#blocks.finalCertificateFor(height)
  }

  // ---------------------------------------------------------------- deltas

  putDeltas(deltas: readonly SignedDelta[]): Promise<void> {
    return this.#turns.run(async () => {
      const operations = await this.#deltas.additions(deltas)
      if (operations.length > 0) await this.#database.batch(operations, { sync: true })
    })
  }

  delta(digest: Digest): Promise<SignedDelta | undefined> {
    return this.#deltas.byDigest(digest)
  }

  deltaBytes(digest: Digest): Promise<Uint8Array | undefined> {
    return this.#deltas.bytes(digest)
  }

  deltaPlace(digest: Digest): Promise<DeltaPlace | undefined> {
    return this.#deltas.placeOf(digest)
  }

  headersOf(round: number): Promise<SignedDeltaHeader[]> {
    return this.#deltas.headersOf(round)
  }

  pruneDeltas(belowRound: number, fromRound = 0): Promise<number> {
    return this.#turns.run(async () => {
      if (belowRound <= fromRound) return 0
      const { blocks } = await readLive(this.#database, this.#blocks)
      const removals = await this.#deltas.removals(fromRound, belowRound, blocks)
      if (removals.length > 0) await this.#database.batch(removals.flat(), { sync: false })
      return removals.length
    })
  }

  // ---------------------------------------------------------------- live

  putProposal(block: Block, deltas: readonly SignedDelta[]): Promise<void> {
    return this.#turns.run(async () => {
      const id = blockIdOf(block.header)
      const { slot, height } = block.header
      const operations = await this.#deltas.additions(deltas)
      await this.#deltas.assertHeld(block, deltas)
      if (await this.#blocks.isFinal(id, height)) return
      operations.push(put(blockKey(id), encodeBlock(block)), put(liveKey(slot, id), beU32(height)))
      await this.#database.batch(operations, { sync: true })
    })
  }

  putCertificate(certificate: Certificate): Promise<void> {
    const key = certificateKey(certificate.slot, certificate.kind)
    return this.#database.batch([put(key, encodeCertificate(certificate))], { sync: true })
  }

  /** In turn: what is pruned while it is read would look like damage. */
  live(): Promise<Live> {
    return this.#turns.run(() => readLive(this.#database, this.#blocks))
  }

  pruneLive(belowSlot: number): Promise<void> {
    return this.#turns.run(async () => {
      const removals = await liveRemovals(this.#database, this.#blocks, belowSlot)
      if (removals.length > 0) await this.#database.batch(removals, { sync: false })
    })
  }

  // ---------------------------------------------------------------- final

  commitFinal(
    blocks: readonly Block[],
    certificate: Certificate | null,
    receipts: readonly Receipt[]
  ): Promise<void> {
    return this.#turns.run(async () => {
      let head = this.#head
      const operations: Operation[] = []
      for (const block of blocks) {
        head = await this.#follow(head, block)
        const { height, slot } = block.header
        operations.push(
          put(blockKey(head.id), encodeBlock(block)),
          put(heightKey(height), head.id),
          del(liveKey(slot, head.id))
        )
        for (const { digest } of block.body.deltas)
          operations.push(await this.#deltas.placing(digest, height))
      }
      const last = blocks.at(-1)
      if (last === undefined) return
      const { slot, height } = last.header
      const isOther =
        certificate !== null &&
        (certificate.kind !== VoteKind.FINAL ||
          certificate.slot !== slot ||
          !equalBytes(certificate.blockId, head.id))
      if (isOther) {
        throw sequence(`the certificate is not the FINAL of the block at height ${height}`, { height })
      }
      if (certificate !== null) operations.push(put(finalKey(height), encodeCertificate(certificate)))
      operations.push(put(HEAD, encodeHead(head)))
      for (const receipt of receipts) operations.push(put(receiptKey(receipt.digest), encodeReceipt(receipt)))
      await this.#database.batch(operations, { sync: true })
      this.#head = head
    })
  }

  async #follow(head: Head, block: Block): Promise<Head> {
    const { height, parentId } = block.header
    if (height !== head.height + 1 || !equalBytes(parentId, head.id)) {
      throw sequence(`the block at height ${height} does not follow the final one at ${head.height}`, {
        height
      })
    }
    await this.#deltas.assertHeld(block)
    return { height, id: blockIdOf(block.header) }
  }

  receipt(digest: Digest): Promise<Receipt | undefined> {
    return readReceipt(this.#database, digest)
  }

  async adopt(block: Block, checkpoint: Checkpoint): Promise<void> {
    const { height, slot } = block.header
    await this.#checkpoints.syncLeaves(height)
    await this.#turns.run(async () => {
      if (height <= this.#head.height || checkpoint.height !== height) {
        throw sequence(
          `a chain that stands at height ${this.#head.height} adopts no checkpoint of height ${height}`,
          { height }
        )
      }
      const head = { height, id: blockIdOf(block.header) }
      const start = encodeHead(head)
      await this.#database.batch(
        [
          put(blockKey(head.id), encodeBlock(block)),
          put(heightKey(height), head.id),
          put(checkpointKey(height), encodeCheckpoint(checkpoint)),
          put(HEAD, start),
          put(BASE, start)
        ],
        { sync: true }
      )
      this.#head = head
      this.#base = head
      this.#checkpoints.arrived()
    })
    await this.pruneLive(slot + 1)
    await this.#bulkTurns.run(() => this.#checkpoints.dropOld())
  }

  prune(height: number, isKept: (receipt: Receipt) => boolean): Promise<void> {
    return this.#bulkTurns.run(async () => {
      if (height > this.#base.height) {
        const id = await this.idAt(height)
        if (id === undefined)
          throw sequence(`there is no final block at height ${height} to keep`, { height })
        const base = { height, id }
        await this.#database.batch([put(BASE, encodeHead(base))], { sync: true })
        this.#base = base
      }
      if (this.#base.height === 0) return
      await forgetBlocks(this.#database, this.#base.height)
      // A block below names only deltas of rounds that were closed before this one.
      const { header } = (await this.blockAt(this.#base.height)) as Block
      await forgetDeltas(this.#database, header.round, isKept)
    })
  }

  // ---------------------------------------------------------------- checkpoints and the error buffer

  putCheckpoint(
    checkpoint: Checkpoint,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  ): Promise<void> {
    return this.#bulkTurns.run(async () => {
      const { height } = checkpoint
      if (height > this.#head.height) {
        throw sequence(`a checkpoint of height ${height} above the final head`, { height })
      }
      await this.#checkpoints.put(checkpoint, pieces)
    })
  }

  checkpointHeights(): Promise<number[]> {
    return this.#checkpoints.heights()
  }

  newestCheckpoint(): Promise<Checkpoint | undefined> {
    return this.#checkpoints.newest()
  }

  checkpointAt(height: number): Promise<Checkpoint | undefined> {
    return this.#checkpoints.at(height)
  }

  leaves(...run: Parameters<ChainStore['leaves']>): Promise<Uint8Array | undefined> {
    return this.#checkpoints.leaves(...run)
  }

  putLeaves(height: number, at: number, bytes: Uint8Array): Promise<void> {
    return this.#checkpoints.putLeaves(height, at, bytes)
  }

  syncLeaves(height: number): Promise<void> {
    return this.#checkpoints.syncLeaves(height)
  }

  heldLeaves(height: number, at: number, length: number): Promise<Uint8Array | undefined> {
    return this.#checkpoints.heldLeaves(height, at, length)
  }

  putError(round: number, buffer: Int32Array, pending: SignedDelta | null): Promise<void> {
    const held = { round, buffer: buffer.slice(), pendingDelta: pending && deltaDigest(pending.header) }
    return this.#bulkTurns.run(async () => {
      const operations = pending === null ? [] : await this.#deltas.additions([pending])
      operations.push(...(await replaceError(this.#database, held)))
      await this.#database.batch(operations, { sync: true })
    })
  }

  error(): Promise<ErrorFeedback | LostError | undefined> {
    return this.#bulkTurns.run(() => readError(this.#database))
  }

  // ---------------------------------------------------------------- the rest

  sizes(): Promise<Readonly<Record<DiskKind, number>>> {
    return sizesOf(this.#database)
  }

  putMeta(name: string, value: Uint8Array): Promise<void> {
    return this.#database.batch([put(metaKey(name), value)], { sync: true })
  }

  meta(name: string): Promise<Uint8Array | undefined> {
    return getSealed(this.#database, metaKey(name), `the value ${name}`)
  }

  async close(): Promise<void> {
    await Promise.all([this.#turns.idle(), this.#bulkTurns.idle()])
    await this.#database.close()
  }
}
