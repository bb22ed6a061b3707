/**
 * Checkpoints of a chain: a head value that names the leaves, and the leaves. A checkpoint is there once its head
 * value is; leaves without one are what an interrupted write or a fetch under way has left.
 */
import { BATCH_BYTES, Batches } from './batches.ts'
import { checkpointKey, leafKey } from './chain-keys.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './chain-values.ts'
import { corrupt, sequence } from './failures.ts'
import { allOf, numberAt, numbersOf } from './keys.ts'
import { del, entriesSealed, getSealed, put, unseal } from './sealed.ts'
import type { Database, Operation, Range } from './types.ts'

const KEPT = 2

export class Checkpoints {
  readonly #database: Database
  /** The one that is being fetched: its leaves have no head value yet, and stay all the same. */
  #incoming: number | null = null

  constructor(database: Database) {
    this.#database = database
  }

  /** The one that was being fetched has its head value now. */
  arrived(): void {
    this.#incoming = null
  }

  async put(checkpoint: Checkpoint, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const { height, leaves } = checkpoint
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
    await this.dropOld()
  }

  /** Also what an interrupted write left: leaves without their checkpoint. */
  async dropOld(): Promise<void> {
    const heights = await this.heights()
    const kept = heights.slice(0, KEPT)
    const old = heights.slice(KEPT).map(height => del(checkpointKey(height)))
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

  async heights(): Promise<number[]> {
    const heights: number[] = []
    for await (const [key] of this.#database.entries({ ...allOf('k'), reverse: true }))
      heights.push(numberAt(key, 1))
    return heights
  }

  async newest(): Promise<Checkpoint | undefined> {
    const range = { ...allOf('k'), reverse: true, limit: 1 }
    for await (const [key, value] of entriesSealed(
      this.#database,
      range,
      key => `the checkpoint of height ${numberAt(key, 1)}`
    )) {
      return decodeCheckpoint(numberAt(key, 1), value)
    }
    return undefined
  }

  async at(height: number): Promise<Checkpoint | undefined> {
    const bytes = await getSealed(
      this.#database,
      checkpointKey(height),
      `the checkpoint of height ${height}`,
      height
    )
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
}
