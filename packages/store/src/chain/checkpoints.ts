/**
 * Checkpoints of a chain: a head value that names the leaves by digest, and beside the values a file with the leaves,
 * one after the other. A checkpoint is there once its head value is, which is written after the file is on the disk; a
 * file without one is what an interrupted write or a fetch under way has left. What is read is held against the digests,
 * of the newest checkpoint once: whoever serves leaves reads each for every newcomer, who checks them too.
 */
import { concatBytes, equalBytes } from '@gradmesh/core'
import { leafDigest } from '@gradmesh/wire'
import type { Database } from '../database.ts'
import { corrupt, sequence } from '../failures.ts'
import { allOf, numberAt } from '../keys.ts'
import { del, getSealed, put } from '../sealed.ts'
import { checkpointKey } from './keys.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './values.ts'

const KEPT = 2
/** Written at once: long enough for the disk, and short for who waits for a thread. */
const RUN_BYTES = 1024 * 1024

const NAME = /^leaves-(\d+)$/
const nameOf = (height: number): string => `leaves-${height}`

interface Read {
  readonly checkpoint: Checkpoint
  /** A one for each leaf that was held against its digest since. */
  readonly held: Uint8Array
}

export class Checkpoints {
  readonly #database: Database
  /** The one that is being fetched: its file has no head value yet, and stays all the same. */
  #incoming: number | null = null
  /** As read last: whoever serves leaves asks for it again and again. */
  #lastRead: Read | undefined

  constructor(database: Database) {
    this.#database = database
  }

  async put(checkpoint: Checkpoint, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const { height, leaves } = checkpoint
    const { files } = this.#database
    const name = nameOf(height)
    let run: Uint8Array[] = []
    let bytes = 0
    let at = 0
    let count = 0
    const end = async (): Promise<void> => {
      await files.write(name, at, concatBytes(...run))
      at += bytes
      run = []
      bytes = 0
    }
    for await (const piece of pieces) {
      run.push(piece)
      bytes += piece.length
      count++
      if (bytes >= RUN_BYTES) await end()
    }
    if (count !== leaves.length) {
      throw sequence(`a checkpoint of ${leaves.length} leaves came with ${count}`, { height })
    }
    if (bytes > 0) await end()
    await files.sync(name)
    await this.#database.batch([put(checkpointKey(height), encodeCheckpoint(checkpoint))], { sync: true })
    await this.dropOld()
  }

  /** The one that is being fetched is on the disk when it resolves: its head value may follow. */
  syncLeaves(height: number): Promise<void> {
    return this.#database.files.sync(nameOf(height))
  }

  /** The one that was being fetched has its head value now. */
  arrived(): void {
    this.#incoming = null
  }

  /** Also what an interrupted write left: leaves without their checkpoint. */
  async dropOld(): Promise<void> {
    const heights = await this.heights()
    const kept = heights.slice(0, KEPT)
    const old = heights.slice(KEPT).map(height => del(checkpointKey(height)))
    if (old.length > 0) await this.#database.batch(old, { sync: true })
    this.#lastRead = undefined
    const { files } = this.#database
    for (const name of await files.names()) {
      const height = Number(NAME.exec(name)?.[1] ?? Number.NaN)
      if (Number.isNaN(height) || kept.includes(height) || height === this.#incoming) continue
      await files.remove(name)
    }
  }

  async heights(): Promise<number[]> {
    const heights: number[] = []
    for await (const [key] of this.#database.entries({ ...allOf('k'), reverse: true }))
      heights.push(numberAt(key, 1))
    return heights
  }

  async newest(): Promise<Checkpoint | undefined> {
    const [height] = await this.heights()
    return height === undefined ? undefined : this.at(height)
  }

  async at(height: number): Promise<Checkpoint | undefined> {
    if (this.#lastRead?.checkpoint.height === height) return this.#lastRead.checkpoint
    const bytes = await getSealed(
      this.#database,
      checkpointKey(height),
      `the checkpoint of height ${height}`,
      height
    )
    const checkpoint = bytes === undefined ? undefined : decodeCheckpoint(height, bytes)
    if (checkpoint !== undefined)
      this.#lastRead = { checkpoint, held: new Uint8Array(checkpoint.leaves.length) }
    return checkpoint
  }

  async leaves(
    height: number,
    first: number,
    count: number,
    into?: Uint8Array
  ): Promise<Uint8Array | undefined> {
    const checkpoint = await this.at(height)
    if (checkpoint === undefined || first + count > checkpoint.leaves.length) return undefined
    const leafBytes = await leafBytesOf(this.#database, checkpoint)
    if (leafBytes === undefined)
      throw corrupt(`the file of the checkpoint of height ${height}`, 'it is missing or cut', height)
    const { files } = this.#database
    const bytes = await files.read(nameOf(height), first * leafBytes, count * leafBytes, into)
    const known = this.#lastRead?.checkpoint === checkpoint ? this.#lastRead.held : undefined
    if (bytes !== undefined && known?.subarray(first, first + count).every(Boolean) === true) return bytes
    const whole = bytes === undefined ? 0 : wholeLeaves(checkpoint, first, bytes, leafBytes)
    known?.fill(1, first, first + whole)
    if (bytes !== undefined && whole === count) return bytes
    const what = `leaf ${first + whole} of the checkpoint of height ${height}`
    throw corrupt(what, 'its bytes are not those that were written', height)
  }

  putLeaves(height: number, at: number, bytes: Uint8Array): Promise<void> {
    this.#incoming = height
    return this.#database.files.write(nameOf(height), at, bytes)
  }

  async heldLeaves(height: number, at: number, length: number): Promise<Uint8Array | undefined> {
    this.#incoming = height
    const { files } = this.#database
    const size = (await files.size(nameOf(height))) ?? 0
    return size > at ? files.read(nameOf(height), at, Math.min(length, size - at)) : undefined
  }
}

/** Leaves are of one length; undefined where the file can't hold them. */
const leafBytesOf = async (
  { files }: Database,
  { height, leaves }: Checkpoint
): Promise<number | undefined> => {
  const leafBytes = ((await files.size(nameOf(height))) ?? 0) / leaves.length
  return leafBytes > 0 && Number.isInteger(leafBytes) ? leafBytes : undefined
}

/** How many of these leaves in a row are those that the checkpoint names. */
const wholeLeaves = ({ leaves }: Checkpoint, first: number, bytes: Uint8Array, leafBytes: number): number => {
  const count = bytes.length / leafBytes
  for (let i = 0; i < count; i++) {
    const leaf = bytes.subarray(i * leafBytes, (i + 1) * leafBytes)
    if (!equalBytes(leafDigest(leaf), leaves.part(first + i))) return i
  }
  return count
}

/** What is wrong with the file of a checkpoint. */
export async function* damageOf(database: Database, checkpoint: Checkpoint): AsyncIterable<string> {
  const { height, leaves } = checkpoint
  if (leaves.length === 0) return
  const leafBytes = await leafBytesOf(database, checkpoint)
  if (leafBytes === undefined) {
    yield 'the file with its leaves is missing or cut'
    return
  }
  for (let i = 0; i < leaves.length; i++) {
    const leaf = await database.files.read(nameOf(height), i * leafBytes, leafBytes)
    if (leaf === undefined || wholeLeaves(checkpoint, i, leaf, leafBytes) === 0)
      yield `leaf ${i}: its bytes are not those that were written`
  }
}
