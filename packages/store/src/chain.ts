/**
 * The ledger of one peer: final blocks by height with all that a replay from genesis needs, and above
 * them the live blocks and certificates that a restart goes on from. One batch makes blocks final, so
 * the height index, the head and the receipts never disagree. Table of keys: README.
 */
import { equalBytes, type Fault, sha256, toHex } from '@gradmesh/core'
import {
  type Block,
  blockIdOf,
  type Certificate,
  type Digest,
  decodeBlock,
  decodeCertificate,
  decodeSignedDelta,
  decodeSignedDeltaHeader,
  deltaDigest,
  encodeBlock,
  encodeCertificate,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  type SignedDelta,
  type SignedDeltaHeader,
  VoteKind
} from '@gradmesh/wire'
import {
  type Checkpoint,
  type DeltaPlace,
  decodeCheckpoint,
  decodeErrorHead,
  decodeHead,
  decodePlace,
  decodeReceipt,
  type ErrorFeedback,
  encodeCheckpoint,
  encodeErrorHead,
  encodeHead,
  encodePlace,
  encodeReceipt,
  type Head,
  type Receipt
} from './chain-values.ts'
import { corrupt, storeError } from './failures.ts'
import { allOf, beU32, keyOf, numberAt, numbersOf } from './keys.ts'
import { del, entriesSealed, getSealed, put, unseal } from './sealed.ts'
import type { Database, Operation, Range } from './types.ts'

/** A batch of leaves, or a piece of the error buffer: small enough to leave the log between two votes. */
const BATCH_BYTES = 512 * 1024
export const ERROR_PIECE_BYTES = 256 * 1024
const CHECKPOINTS_KEPT = 2

export const GENESIS = keyOf('G')
export const HEAD = keyOf('H')
export const BASE = keyOf('B')
export const ERROR_HEAD = keyOf('E')
export const blockKey = (id: Digest): Uint8Array => keyOf('b', id)
export const heightKey = (height: number): Uint8Array => keyOf('h', height)
export const finalKey = (height: number): Uint8Array => keyOf('f', height)
export const liveKey = (slot: number, id: Digest): Uint8Array => keyOf('l', slot, id)
export const certificateKey = (slot: number, kind: number): Uint8Array =>
  keyOf('c', slot, Uint8Array.of(kind))
export const deltaKey = (digest: Digest): Uint8Array => keyOf('d', digest)
export const placeKey = (digest: Digest): Uint8Array => keyOf('i', digest)
export const headerKey = (round: number, digest: Digest): Uint8Array => keyOf('q', round, digest)
export const receiptKey = (digest: Digest): Uint8Array => keyOf('r', digest)
export const checkpointKey = (height: number): Uint8Array => keyOf('k', height)
export const leafKey = (height: number, index: number): Uint8Array => keyOf('w', height, index)
export const errorKey = (round: number, piece: number): Uint8Array => keyOf('e', round, piece)
export const metaKey = (name: string): Uint8Array => keyOf('m', new TextEncoder().encode(name))

/** The letters of the keys of each kind that grows; `other`: the rest, the newest few megabytes in the log too. */
const DISK_KINDS = {
  blocks: 'bfh',
  deltas: 'diq',
  receipts: 'r',
  checkpoints: 'kw',
  errorBuffer: 'e'
} as const
export type DiskKind = keyof typeof DISK_KINDS | 'other'

export interface ChainStore {
  readonly chainId: Digest
  readonly genesisBytes: Uint8Array
  /** The newest final block; at the start height 0 and the chain's id. */
  head(): Head
  /** The lowest height whose successors are held: 0, or where a checkpoint was adopted. */
  base(): Head

  block(id: Digest): Promise<Block | undefined>
  /** A final block. */
  blockAt(height: number): Promise<Block | undefined>
  idAt(height: number): Promise<Digest | undefined>
  /** The FINAL certificate of the block at `height`, or of its nearest descendant that has one. */
  finalCertificateFor(height: number): Promise<Certificate | undefined>

  /** Held and durable when it resolves: a validator may attest these. Deltas held already cost nothing. */
  putDeltas(deltas: readonly SignedDelta[]): Promise<void>
  delta(digest: Digest): Promise<SignedDelta | undefined>
  /** As encoded by `wire`, to serve in pieces. */
  deltaBytes(digest: Digest): Promise<Uint8Array | undefined>
  /** Whether a delta is held, its round, and the height of the final block that names it. */
  deltaPlace(digest: Digest): Promise<DeltaPlace | undefined>
  /** Headers of the deltas held for a round. */
  headersOf(round: number): Promise<SignedDeltaHeader[]>
  /**
   * Drops the deltas of earlier rounds that no final and no live block names. Answers how many.
   * @param fromRound where the last pruning ended, so that its rounds are not looked through again.
   */
  pruneDeltas(belowRound: number, fromRound?: number): Promise<number>

  /** Block and named payloads, durable when it resolves: NOTAR may follow. */
  putProposal(block: Block, deltas: readonly SignedDelta[]): Promise<void>
  /** A live certificate, durable when it resolves: a vote, which is kept elsewhere, may rest on it. */
  putCertificate(certificate: Certificate): Promise<void>
  /** What is not final yet, by slot. */
  live(): Promise<{ readonly blocks: Block[]; readonly certificates: Certificate[] }>
  pruneLive(belowSlot: number): Promise<void>

  /**
   * Makes blocks final at once: they follow the head and each other, the certificate is the FINAL of the
   * last (null for an epoch's boundary that a live descendant's certificate made final), and all payloads that they name are held. Code STORE_SEQUENCE otherwise, and nothing is written.
   */
  commitFinal(
    blocks: readonly Block[],
    certificate: Certificate | null,
    receipts: readonly Receipt[]
  ): Promise<void>
  receipt(digest: Digest): Promise<Receipt | undefined>
  /**
   * Goes on from a block above the head whose checkpoint was verified and whose leaves `putLeaves` has all written:
   * head, base and checkpoint move there at once. What lies below is left to `prune`. The certificate comes with
   * its successor.
   */
  adopt(block: Block, checkpoint: Checkpoint): Promise<void>
  /**
   * Forgets the final blocks below `height` with their payloads, certificates and receipts but those that `isKept`
   * names. First the base moves there, durably; a crash in between leaves what the next call takes away.
   */
  prune(height: number, isKept: (receipt: Receipt) => boolean): Promise<void>

  /** `pieces`: the bytes of the leaves in order. Visible once whole and durable; the newest two stay. */
  putCheckpoint(
    checkpoint: Checkpoint,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  ): Promise<void>
  newestCheckpoint(): Promise<Checkpoint | undefined>
  /** Of the checkpoints that are held, the newest first. */
  checkpointHeights(): Promise<number[]>
  checkpointAt(height: number): Promise<Checkpoint | undefined>
  /** A run of a checkpoint's leaves; undefined unless all of them are held. */
  leaves(height: number, first: number, count: number): Promise<Uint8Array[] | undefined>
  /** Leaves of a checkpoint that is being fetched, durable when it resolves; nobody sees them before `adopt`. */
  putLeaves(height: number, leaves: readonly (readonly [index: number, leaf: Uint8Array])[]): Promise<void>
  /** The whole ones among the leaves that are held of a checkpoint, by index. */
  heldLeaves(height: number): AsyncIterable<readonly [index: number, leaf: Uint8Array]>

  /**
   * Replaces the buffer at once and durably, and with it comes the own delta whose verdict it waits for: either
   * both are held after a crash or neither is, so that no round is trained a second time into another delta.
   */
  putError(round: number, buffer: Int32Array, pending: SignedDelta | null): Promise<void>
  error(): Promise<ErrorFeedback | undefined>

  /** About how many bytes of the disk each kind takes. */
  sizes(): Promise<Readonly<Record<DiskKind, number>>>
  /** Small values of the daemon's own. */
  putMeta(name: string, value: Uint8Array): Promise<void>
  meta(name: string): Promise<Uint8Array | undefined>
  close(): Promise<void>
}

/** Writes the genesis into an empty database. Code STORE_EXISTS when it holds another chain. */
export const createChain = async (database: Database, genesisBytes: Uint8Array): Promise<ChainStore> => {
  const held = await getSealed(database, GENESIS, 'the genesis', 0)
  if (held !== undefined && !equalBytes(held, genesisBytes)) {
    throw storeError('STORE_EXISTS', `this folder holds the chain ${toHex(sha256(held))}, another one`, {
      remedy: 'Choose another folder with --data, or join the mesh that this folder belongs to.'
    })
  }
  if (held === undefined) {
    const start = encodeHead({ height: 0, id: sha256(genesisBytes) })
    await database.batch([put(GENESIS, genesisBytes), put(HEAD, start), put(BASE, start)], { sync: true })
  }
  return openChain(database)
}

/** Codes: STORE_MISSING when there is no chain, STORE_CORRUPT. */
export const openChain = async (database: Database): Promise<ChainStore> => {
  const genesis = await getSealed(database, GENESIS, 'the genesis', 0)
  const head = await getSealed(database, HEAD, 'the head')
  const base = await getSealed(database, BASE, 'the base')
  if (genesis === undefined && head === undefined) {
    throw storeError('STORE_MISSING', 'the database holds no chain', {
      remedy: 'Make a mesh with `gradmesh init`, or join one with `gradmesh join TICKET`.'
    })
  }
  if (genesis === undefined) throw corrupt('the genesis', 'it is missing', 0)
  if (head === undefined || base === undefined) throw corrupt('the head', 'it is missing')
  return new OpenChain(database, genesis, decodeHead(head), decodeHead(base))
}

const readAs = <T>(value: T | Fault, what: string, height: number | null): T => {
  if (typeof value === 'object' && value !== null && 'fault' in value) {
    throw corrupt(what, `it does not decode (${value.fault})`, height)
  }
  return value as T
}

const sequence = (detail: string, data: Readonly<Record<string, number | string>>): Error =>
  storeError('STORE_SEQUENCE', detail, {
    remedy: 'Nothing was written. This is a defect in the peer: restart it, and report what it logged.',
    data
  })

class OpenChain implements ChainStore {
  readonly chainId: Digest
  readonly genesisBytes: Uint8Array
  readonly #database: Database
  #head: Head
  #base: Head
  /** Writers that read first take turns; bulk writers have a line of their own, so that votes do not wait. */
  #turn: Promise<unknown> = Promise.resolve()
  #bulkTurn: Promise<unknown> = Promise.resolve()
  /** The checkpoint that is being fetched: its leaves have no head yet, and stay all the same. */
  #incoming: number | null = null

  constructor(database: Database, genesisBytes: Uint8Array, head: Head, base: Head) {
    this.#database = database
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

  async block(id: Digest): Promise<Block | undefined> {
    return this.#block(id, null)
  }

  async blockAt(height: number): Promise<Block | undefined> {
    const id = await this.idAt(height)
    if (id === undefined) return undefined
    const block = await this.#block(id, height)
    if (block === undefined) throw corrupt(`the block at height ${height}`, 'it is missing', height)
    return block
  }

  idAt(height: number): Promise<Digest | undefined> {
    return this.#get(heightKey(height), `the index of height ${height}`, height)
  }

  async finalCertificateFor(height: number): Promise<Certificate | undefined> {
    const range = { ...numbersOf('f', height), limit: 1 }
    for await (const [key, bytes] of this.#entries(
      range,
      key => `the certificate of height ${numberAt(key, 1)}`
    )) {
      return readAs(
        decodeCertificate(bytes),
        `the certificate of height ${numberAt(key, 1)}`,
        numberAt(key, 1)
      )
    }
    return undefined
  }

  async #block(id: Digest, height: number | null): Promise<Block | undefined> {
    const what = height === null ? `the block ${toHex(id)}` : `the block at height ${height}`
    const bytes = await this.#get(blockKey(id), what, height)
    return bytes === undefined ? undefined : readAs(decodeBlock(bytes), what, height)
  }

  // ---------------------------------------------------------------- deltas

  putDeltas(deltas: readonly SignedDelta[]): Promise<void> {
    return this.#inTurn(async () => {
      const operations = await this.#newDeltas(deltas)
      if (operations.length > 0) await this.#database.batch(operations, { sync: true })
    })
  }

  async delta(digest: Digest): Promise<SignedDelta | undefined> {
    const bytes = await this.deltaBytes(digest)
    if (bytes === undefined) return undefined
    return readAs(decodeSignedDelta(bytes), `the delta ${toHex(digest)}`, null)
  }

  async deltaBytes(digest: Digest): Promise<Uint8Array | undefined> {
    const key = deltaKey(digest)
    const stored = await this.#database.get(key)
    if (stored === undefined) return undefined
    const bytes = unseal(key, stored)
    if (bytes !== undefined) return bytes
    const height = (await this.deltaPlace(digest))?.height ?? null
    throw corrupt(`the delta ${toHex(digest)}`, 'its bytes are not those that were written', height)
  }

  async deltaPlace(digest: Digest): Promise<DeltaPlace | undefined> {
    const bytes = await this.#get(placeKey(digest), `the place of the delta ${toHex(digest)}`)
    return bytes === undefined ? undefined : decodePlace(bytes)
  }

  async headersOf(round: number): Promise<SignedDeltaHeader[]> {
    const headers: SignedDeltaHeader[] = []
    const what = `a delta header of round ${round}`
    for await (const [, bytes] of this.#entries(numbersOf('q', round, round), () => what)) {
      headers.push(readAs(decodeSignedDeltaHeader(bytes), what, null))
    }
    return headers
  }

  pruneDeltas(belowRound: number, fromRound = 0): Promise<number> {
    return this.#inTurn(async () => {
      if (belowRound <= fromRound) return 0
      const { blocks } = await this.live()
      const kept = new Set(blocks.flatMap(({ body }) => body.deltas.map(({ digest }) => toHex(digest))))
      const operations: Operation[] = []
      for await (const [key] of this.#database.entries(numbersOf('q', fromRound, belowRound - 1))) {
        const digest = key.slice(5)
        if (kept.has(toHex(digest))) continue
        if ((await this.deltaPlace(digest))?.height !== null) continue
        operations.push(del(key), del(placeKey(digest)), del(deltaKey(digest)))
      }
      if (operations.length > 0) await this.#database.batch(operations, { sync: false })
      return operations.length / 3
    })
  }

  async #newDeltas(deltas: readonly SignedDelta[]): Promise<Operation[]> {
    const operations: Operation[] = []
    for (const delta of deltas) {
      const digest = deltaDigest(delta.header)
      if ((await this.deltaPlace(digest)) !== undefined) continue
      const { round } = delta.header
      operations.push(
        put(deltaKey(digest), encodeSignedDelta(delta)),
        put(placeKey(digest), encodePlace({ round, height: null })),
        put(headerKey(round, digest), encodeSignedDeltaHeader(delta))
      )
    }
    return operations
  }

  // ---------------------------------------------------------------- live

  putProposal(block: Block, deltas: readonly SignedDelta[]): Promise<void> {
    return this.#inTurn(async () => {
      const id = blockIdOf(block.header)
      const { slot, height } = block.header
      const operations = await this.#newDeltas(deltas)
      await this.#assertPayloads(block, deltas)
      if (await this.#isFinal(id, height)) return
      operations.push(put(blockKey(id), encodeBlock(block)), put(liveKey(slot, id), beU32(height)))
      await this.#database.batch(operations, { sync: true })
    })
  }

  putCertificate(certificate: Certificate): Promise<void> {
    const key = certificateKey(certificate.slot, certificate.kind)
    return this.#database.batch([put(key, encodeCertificate(certificate))], { sync: true })
  }

  async live(): Promise<{ readonly blocks: Block[]; readonly certificates: Certificate[] }> {
    const blocks: Block[] = []
    for await (const [key, value] of this.#entries(
      allOf('l'),
      key => `a live block of slot ${numberAt(key, 1)}`
    )) {
      const height = numberAt(value, 0)
      const block = await this.#block(key.slice(5), height)
      if (block === undefined)
        throw corrupt(`the live block of slot ${numberAt(key, 1)}`, 'it is missing', height)
      blocks.push(block)
    }
    const certificates: Certificate[] = []
    for await (const [key, value] of this.#entries(
      allOf('c'),
      key => `a certificate of slot ${numberAt(key, 1)}`
    )) {
      certificates.push(readAs(decodeCertificate(value), `a certificate of slot ${numberAt(key, 1)}`, null))
    }
    return { blocks, certificates }
  }

  pruneLive(belowSlot: number): Promise<void> {
    return this.#inTurn(async () => {
      if (belowSlot === 0) return
      const operations: Operation[] = []
      const blocks = numbersOf('l', 0, belowSlot - 1)
      for await (const [key, value] of this.#entries(blocks, () => 'a live block')) {
        const id = key.slice(5)
        operations.push(del(key))
        if (!(await this.#isFinal(id, numberAt(value, 0)))) operations.push(del(blockKey(id)))
      }
      for await (const [key] of this.#database.entries(numbersOf('c', 0, belowSlot - 1)))
        operations.push(del(key))
      if (operations.length > 0) await this.#database.batch(operations, { sync: false })
    })
  }

  async #isFinal(id: Digest, height: number): Promise<boolean> {
    const final = await this.idAt(height)
    return final !== undefined && equalBytes(final, id)
  }

  async #assertPayloads({ header, body }: Block, withIt: readonly SignedDelta[]): Promise<void> {
    const brought = new Set(withIt.map(delta => toHex(deltaDigest(delta.header))))
    for (const { digest } of body.deltas) {
      if (brought.has(toHex(digest)) || (await this.deltaPlace(digest)) !== undefined) continue
      throw sequence(`the block at height ${header.height} names a delta that is not held`, {
        height: header.height,
        digest: toHex(digest)
      })
    }
  }

  // ---------------------------------------------------------------- final

  commitFinal(
    blocks: readonly Block[],
    certificate: Certificate | null,
    receipts: readonly Receipt[]
  ): Promise<void> {
    return this.#inTurn(async () => {
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
        for (const { digest } of block.body.deltas) {
          const place = await this.deltaPlace(digest)
          operations.push(put(placeKey(digest), encodePlace({ round: place!.round, height })))
        }
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
    await this.#assertPayloads(block, [])
    return { height, id: blockIdOf(block.header) }
  }

  async receipt(digest: Digest): Promise<Receipt | undefined> {
    const bytes = await this.#get(receiptKey(digest), `the receipt of the delta ${toHex(digest)}`)
    return bytes === undefined ? undefined : decodeReceipt(digest, bytes)
  }

  async adopt(block: Block, checkpoint: Checkpoint): Promise<void> {
    const { height, slot } = block.header
    await this.#inTurn(async () => {
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
      this.#incoming = null
    })
    await this.pruneLive(slot + 1)
    await this.#inBulkTurn(() => this.#dropOldCheckpoints())
  }

  prune(height: number, isKept: (receipt: Receipt) => boolean): Promise<void> {
    return this.#inBulkTurn(async () => {
      if (height > this.#base.height) {
        const id = await this.idAt(height)
        if (id === undefined)
          throw sequence(`there is no final block at height ${height} to keep`, { height })
        const base = { height, id }
        await this.#database.batch([put(BASE, encodeHead(base))], { sync: true })
        this.#base = base
      }
      if (this.#base.height === 0) return
      await this.#forgetBlocks(this.#base.height)
      const { header } = (await this.blockAt(this.#base.height)) as Block
      await this.#forgetDeltas(header.round, isKept)
    })
  }

  /** The own delta that the error buffer refers to: needed as long as the buffer. */
  async #pendingDelta(): Promise<Digest | null> {
    const head = await this.#get(ERROR_HEAD, 'the error buffer')
    return head === undefined ? null : decodeErrorHead(head).pendingDelta
  }

  /** Of each height all at once, so that what a crash leaves is whole. */
  async #forgetBlocks(below: number): Promise<void> {
    const batches = new Batches(this.#database)
    for await (const [key, id] of this.#entries(numbersOf('h', 0, below - 1), () => 'an index of heights')) {
      await batches.add([del(key), del(blockKey(id)), del(finalKey(numberAt(key, 1)))])
    }
    await batches.end()
  }

  /** A block below names only deltas of rounds that were closed before this one. */
  async #forgetDeltas(belowRound: number, isKept: (receipt: Receipt) => boolean): Promise<void> {
    if (belowRound === 0) return
    const batches = new Batches(this.#database)
    const awaited = await this.#pendingDelta()
    for await (const [key] of this.#database.entries(numbersOf('q', 0, belowRound - 1))) {
      const digest = key.slice(5)
      if (awaited !== null && equalBytes(digest, awaited)) continue
      const receipt = await this.receipt(digest)
      const isOwn = receipt !== undefined && isKept(receipt)
      await batches.add([
        del(key),
        del(placeKey(digest)),
        del(deltaKey(digest)),
        ...(isOwn ? [] : [del(receiptKey(digest))])
      ])
    }
    await batches.end()
  }

  // ---------------------------------------------------------------- checkpoints and the error buffer

  putCheckpoint(
    checkpoint: Checkpoint,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  ): Promise<void> {
    return this.#inBulkTurn(async () => {
      const { height, leaves } = checkpoint
      if (height > this.#head.height) {
        throw sequence(`a checkpoint of height ${height} above the final head`, { height })
      }
      let operations: Operation[] = []
      let bytes = 0
      let index = 0
      for await (const piece of pieces) {
        operations.push(put(leafKey(height, index++), piece))
        bytes += piece.length
        if (bytes < BATCH_BYTES) continue
        // Synced each: LevelDB's sync reaches the newest log file alone, and these may span several.
        await this.#database.batch(operations, { sync: true })
        operations = []
        bytes = 0
      }
      if (index !== leaves.length) {
        throw sequence(`a checkpoint of ${leaves.length} leaves came with ${index}`, { height })
      }
      operations.push(put(checkpointKey(height), encodeCheckpoint(checkpoint)))
      await this.#database.batch(operations, { sync: true })
      await this.#dropOldCheckpoints()
    })
  }

  /** Also what an interrupted write left: leaves without their checkpoint. */
  async #dropOldCheckpoints(): Promise<void> {
    const heights = await this.checkpointHeights()
    const kept = heights.slice(0, CHECKPOINTS_KEPT)
    const old = heights.slice(CHECKPOINTS_KEPT).map(height => del(checkpointKey(height)))
    if (old.length > 0) await this.#database.batch(old, { sync: true })
    if (this.#incoming !== null) kept.push(this.#incoming)
    let from = 0
    for (const next of [...kept.toSorted((a, b) => a - b), 2 ** 32]) {
      if (next > from) await this.#drop(numbersOf('w', from, next - 1))
      from = next + 1
    }
  }

  async #drop(range: Range): Promise<void> {
    const batches = new Batches(this.#database)
    for await (const [key] of this.#database.entries(range)) await batches.add([del(key)])
    await batches.end()
  }

  async checkpointHeights(): Promise<number[]> {
    const heights: number[] = []
    for await (const [key] of this.#database.entries({ ...allOf('k'), reverse: true }))
      heights.push(numberAt(key, 1))
    return heights
  }

  async newestCheckpoint(): Promise<Checkpoint | undefined> {
    const range = { ...allOf('k'), reverse: true, limit: 1 }
    for await (const [key, value] of this.#entries(
      range,
      key => `the checkpoint of height ${numberAt(key, 1)}`
    )) {
      return decodeCheckpoint(numberAt(key, 1), value)
    }
    return undefined
  }

  async checkpointAt(height: number): Promise<Checkpoint | undefined> {
    const bytes = await this.#get(checkpointKey(height), `the checkpoint of height ${height}`, height)
    return bytes === undefined ? undefined : decodeCheckpoint(height, bytes)
  }

  async leaves(height: number, first: number, count: number): Promise<Uint8Array[] | undefined> {
    const keys = Array.from({ length: count }, (_, i) => leafKey(height, first + i))
    const stored = await this.#database.getMany(keys)
    const leaves: Uint8Array[] = []
    for (const [i, key] of keys.entries()) {
      const bytes = stored[i]
      if (bytes === undefined) return undefined
      const leaf = unseal(key, bytes)
      if (leaf === undefined) {
        const what = `leaf ${first + i} of the checkpoint of height ${height}`
        throw corrupt(what, 'its bytes are not those that were written', height)
      }
      leaves.push(leaf)
    }
    return leaves
  }

  putLeaves(height: number, leaves: readonly (readonly [number, Uint8Array])[]): Promise<void> {
    this.#incoming = height
    return this.#database.batch(
      leaves.map(([index, leaf]) => put(leafKey(height, index), leaf)),
      // Each on its own: LevelDB's sync reaches the newest log file alone.
      { sync: true }
    )
  }

  async *heldLeaves(height: number): AsyncIterable<readonly [number, Uint8Array]> {
    this.#incoming = height
    for await (const [key, stored] of this.#database.entries(numbersOf('w', height, height))) {
      const leaf = unseal(key, stored)
      if (leaf !== undefined) yield [numberAt(key, 5), leaf]
    }
  }

  putError(round: number, buffer: Int32Array, pending: SignedDelta | null): Promise<void> {
    const head = encodeErrorHead(round, buffer.length, pending === null ? null : deltaDigest(pending.header))
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).slice()
    return this.#inBulkTurn(async () => {
      const operations = pending === null ? [] : await this.#newDeltas([pending])
      for await (const [key] of this.#database.entries(allOf('e'))) operations.push(del(key))
      for (let at = 0, piece = 0; at < bytes.length; at += ERROR_PIECE_BYTES, piece++) {
        operations.push(put(errorKey(round, piece), bytes.subarray(at, at + ERROR_PIECE_BYTES)))
      }
      operations.push(put(ERROR_HEAD, head))
      await this.#database.batch(operations, { sync: true })
    })
  }

  async error(): Promise<ErrorFeedback | undefined> {
    return this.#inBulkTurn(async () => {
      const bytes = await this.#get(ERROR_HEAD, 'the error buffer')
      if (bytes === undefined) return undefined
      const { round, entries, pendingDelta } = decodeErrorHead(bytes)
      const buffer = new Int32Array(entries)
      const into = new Uint8Array(buffer.buffer)
      let at = 0
      for await (const [, piece] of this.#entries(numbersOf('e', round, round), () => 'the error buffer')) {
        if (at + piece.length > into.length) throw corrupt('the error buffer', 'it is longer than it says')
        into.set(piece, at)
        at += piece.length
      }
      if (at !== into.length) throw corrupt('the error buffer', `${at} of ${into.length} bytes are there`)
      return { round, buffer, pendingDelta }
    })
  }

  // ---------------------------------------------------------------- the rest

  async sizes(): Promise<Readonly<Record<DiskKind, number>>> {
    const sizes = { blocks: 0, deltas: 0, receipts: 0, checkpoints: 0, errorBuffer: 0, other: 0 }
    let counted = 0
    for (const [kind, letters] of Object.entries(DISK_KINDS) as [keyof typeof DISK_KINDS, string][]) {
      for (const letter of letters) sizes[kind] += await this.#database.sizeOf(allOf(letter))
      counted += sizes[kind]
    }
    sizes.other = Math.max(0, (await this.#database.sizeOf()) - counted)
    return sizes
  }

  putMeta(name: string, value: Uint8Array): Promise<void> {
    return this.#database.batch([put(metaKey(name), value)], { sync: true })
  }

  meta(name: string): Promise<Uint8Array | undefined> {
    return this.#get(metaKey(name), `the value ${name}`)
  }

  async close(): Promise<void> {
    await Promise.all([this.#turn, this.#bulkTurn])
    await this.#database.close()
  }

  #get(key: Uint8Array, what: string, height: number | null = null): Promise<Uint8Array | undefined> {
    return getSealed(this.#database, key, what, height)
  }

  #entries(
    range: Range,
    what: (key: Uint8Array) => string
  ): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return entriesSealed(this.#database, range, what)
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  #inBulkTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#bulkTurn.then(run)
    this.#bulkTurn = turn.catch(() => undefined)
    return turn
  }
}

/** Many small deletions in few batches; those that are added together stay together. */
class Batches {
  readonly #database: Database
  #operations: Operation[] = []

  constructor(database: Database) {
    this.#database = database
  }

  async add(operations: readonly Operation[]): Promise<void> {
    this.#operations.push(...operations)
    if (this.#operations.length >= 256) await this.end()
  }

  async end(): Promise<void> {
    if (this.#operations.length > 0) await this.#database.batch(this.#operations, { sync: false })
    this.#operations = []
  }
}
