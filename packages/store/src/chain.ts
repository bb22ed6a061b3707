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
import { Batches } from './batches.ts'
import {
  BASE,
  blockKey,
  certificateKey,
  checkpointKey,
  type DiskKind,
  deltaKey,
  FORMAT,
  finalKey,
  GENESIS,
  HEAD,
  headerKey,
  heightKey,
  liveKey,
  metaKey,
  placeKey,
  receiptKey,
  sizesOf
} from './chain-keys.ts'
import type { ChainStore, Live } from './chain-store.ts'
import {
  type Checkpoint,
  type DeltaPlace,
  decodeHead,
  decodePlace,
  decodeReceipt,
  type ErrorFeedback,
  encodeCheckpoint,
  encodeHead,
  encodePlace,
  encodeReceipt,
  type Head,
  type Receipt
} from './chain-values.ts'
import { Checkpoints } from './checkpoints.ts'
import { pendingDelta, readError, replaceError } from './error-buffer.ts'
import { corrupt, sequence, storeError } from './failures.ts'
import { allOf, beU32, numberAt, numbersOf } from './keys.ts'
import { del, entriesSealed, getSealed, put, unseal } from './sealed.ts'
import type { Database, Operation, Range } from './types.ts'

/** Rises when a folder of before can't be read any more. 2: a checkpoint's leaves lie in a file. */
const CHAIN_FORMAT = 2

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
    const first = [
      put(FORMAT, beU32(CHAIN_FORMAT)),
      put(GENESIS, genesisBytes),
      put(HEAD, start),
      put(BASE, start)
    ]
    await database.batch(first, { sync: true })
  }
  return openChain(database)
}

/** Codes: STORE_MISSING when there is no chain, STORE_FORMAT, STORE_CORRUPT. */
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
  const format = await getSealed(database, FORMAT, 'the format')
  if (format === undefined || numberAt(format, 0) !== CHAIN_FORMAT) {
    const held = format === undefined ? 'before 2' : numberAt(format, 0)
    throw storeError('STORE_FORMAT', `chain/ is of format ${held}, and this release reads ${CHAIN_FORMAT}`, {
      remedy:
        'Go on with the release that wrote it, or move `chain` away (keep `key` and `safety`) and start again: it is fetched from the mesh.',
      data: { reads: CHAIN_FORMAT }
    })
  }
  if (head === undefined || base === undefined) throw corrupt('the head', 'it is missing')
  return new OpenChain(database, genesis, decodeHead(head), decodeHead(base))
}

const readAs = <T>(value: T | Fault, what: string, height: number | null): T => {
  if (typeof value === 'object' && value !== null && 'fault' in value) {
    throw corrupt(what, `it does not decode (${value.fault})`, height)
  }
  return value as T
}

class OpenChain implements ChainStore {
  readonly chainId: Digest
  readonly genesisBytes: Uint8Array
  readonly #database: Database
  readonly #checkpoints: Checkpoints
  #head: Head
  #base: Head
  /** Writers that read first take turns; bulk writers have a line of their own, so that votes do not wait. */
  #turn: Promise<unknown> = Promise.resolve()
  #bulkTurn: Promise<unknown> = Promise.resolve()

  constructor(database: Database, genesisBytes: Uint8Array, head: Head, base: Head) {
    this.#database = database
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

  async block(id: Digest): Promise<Block | undefined> {
    return this.#block(id, null)
  }

  async blockAt(height: number): Promise<Block | undefined> {
    const id = await this.idAt(height)
    if (id === undefined) return undefined
    const block = await this.#block(id, height)
    const isPruned = block === undefined && (await this.idAt(height)) === undefined
    if (block === undefined && !isPruned)
      throw corrupt(`the block at height ${height}`, 'it is missing', height)
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
      const { blocks } = await this.#live()
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

  /** In turn: what is pruned while it is read would look like damage. */
  live(): Promise<Live> {
    return this.#inTurn(() => this.#live())
  }

  async #live(): Promise<Live> {
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
    await this.#checkpoints.syncLeaves(height)
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
      this.#checkpoints.arrived()
    })
    await this.pruneLive(slot + 1)
    await this.#inBulkTurn(() => this.#checkpoints.dropOld())
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
    const awaited = await pendingDelta(this.#database)
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

  leaves(height: number, first: number, count: number): Promise<Uint8Array | undefined> {
    return this.#checkpoints.leaves(height, first, count)
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
    return this.#inBulkTurn(async () => {
      const operations = pending === null ? [] : await this.#newDeltas([pending])
      operations.push(...(await replaceError(this.#database, held)))
      await this.#database.batch(operations, { sync: true })
    })
  }

  error(): Promise<ErrorFeedback | undefined> {
    return this.#inBulkTurn(() => readError(this.#database))
  }

  // ---------------------------------------------------------------- the rest

  sizes(): Promise<Readonly<Record<DiskKind, number>>> {
    return sizesOf(this.#database)
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
