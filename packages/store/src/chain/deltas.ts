/** Deltas that are held: each whole by its digest, its header by its round, and where it has its place on the chain. */
import { toHex } from '@gradmesh/core'
import {
  type Block,
  type Digest,
  decodeSignedDelta,
  decodeSignedDeltaHeader,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  type SignedDelta,
  type SignedDeltaHeader
} from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { corrupt, sequence } from '../failures.ts'
import { numbersOf } from '../keys.ts'
import { del, entriesSealed, getSealed, put, unseal } from '../sealed.ts'
import { deltaKey, headerKey, placeKey } from './keys.ts'
import { type DeltaPlace, decodePlace, encodePlace, readAs } from './values.ts'

export class Deltas {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async byDigest(digest: Digest): Promise<SignedDelta | undefined> {
    const bytes = await this.bytes(digest)
    if (bytes === undefined) return undefined
    return readAs(decodeSignedDelta(bytes), `the delta ${toHex(digest)}`, null)
  }

  async bytes(digest: Digest): Promise<Uint8Array | undefined> {
    const key = deltaKey(digest)
    const stored = await this.#database.get(key)
    if (stored === undefined) return undefined
    const bytes = unseal(key, stored)
    if (bytes !== undefined) return bytes
    const height = (await this.placeOf(digest))?.height ?? null
    throw corrupt(`the delta ${toHex(digest)}`, 'its bytes are not those that were written', height)
  }

  async placeOf(digest: Digest): Promise<DeltaPlace | undefined> {
    const what = `the place of the delta ${toHex(digest)}`
    const bytes = await getSealed(this.#database, placeKey(digest), what)
    return bytes === undefined ? undefined : decodePlace(bytes)
  }

  async headersOf(round: number): Promise<SignedDeltaHeader[]> {
    const headers: SignedDeltaHeader[] = []
    const what = `a delta header of round ${round}`
    for await (const [, bytes] of entriesSealed(this.#database, numbersOf('q', round, round), () => what)) {
      headers.push(readAs(decodeSignedDeltaHeader(bytes), what, null))
    }
    return headers
  }

  /** What takes in those that are not held yet. */
  async additions(deltas: readonly SignedDelta[]): Promise<Operation[]> {
    const operations: Operation[] = []
    for (const delta of deltas) {
      const digest = deltaDigest(delta.header)
      if ((await this.placeOf(digest)) !== undefined) continue
      const { round } = delta.header
      operations.push(
        put(deltaKey(digest), encodeSignedDelta(delta)),
        put(placeKey(digest), encodePlace({ round, height: null })),
        put(headerKey(round, digest), encodeSignedDeltaHeader(delta))
      )
    }
    return operations
  }

  /** What gives a held delta its place: the final block at `height` names it. */
  async placing(digest: Digest, height: number): Promise<Operation> {
    const place = await this.placeOf(digest)
    return put(placeKey(digest), encodePlace({ round: place!.round, height }))
  }

  /** What takes out those of rounds in [from, below) that no final block names and none of `live` does, one by one. */
  async removals(from: number, below: number, live: readonly Block[]): Promise<(readonly Operation[])[]> {
    const kept = new Set(live.flatMap(({ body }) => body.deltas.map(({ digest }) => toHex(digest))))
    const removals: (readonly Operation[])[] = []
    for await (const [key] of this.#database.entries(numbersOf('q', from, below - 1))) {
      const digest = key.slice(5)
      if (kept.has(toHex(digest))) continue
      if ((await this.placeOf(digest))?.height !== null) continue
      removals.push(removalOf(key))
    }
    return removals
  }

  /** Every payload that a block names is held, or comes with it. @throws MeshError `STORE_SEQUENCE` */
  async assertHeld({ header, body }: Block, withIt: readonly SignedDelta[] = []): Promise<void> {
    const brought = new Set(withIt.map(delta => toHex(deltaDigest(delta.header))))
    for (const { digest } of body.deltas) {
      if (brought.has(toHex(digest)) || (await this.placeOf(digest)) !== undefined) continue
      throw sequence(`the block at height ${header.height} names a delta that is not held`, {
        height: header.height,
        digest: toHex(digest)
      })
    }
  }
}

/** Takes out one delta; `header` is the key of its header. */
export const removalOf = (header: Uint8Array): readonly Operation[] => {
  const digest = header.slice(5)
  return [del(header), del(placeKey(digest)), del(deltaKey(digest))]
}
