/** Blocks by id, live and final alike, and the index that says which of them are final. */
import { equalBytes, toHex } from '@gradmesh/core'
import { type Block, type Certificate, type Digest, decodeBlock, decodeCertificate } from '@gradmesh/wire'
import type { Database } from '../database.ts'
import { corrupt } from '../failures.ts'
import { numberAt, numbersOf } from '../keys.ts'
import { entriesSealed, getSealed } from '../sealed.ts'
import { blockKey, heightKey } from './keys.ts'
import { readAs } from './values.ts'

export class Blocks {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** @param height for `STORE_CORRUPT`, where it is known. */
  async byId(id: Digest, height: number | null = null): Promise<Block | undefined> {
    const what = height === null ? `the block ${toHex(id)}` : `the block at height ${height}`
    const bytes = await getSealed(this.#database, blockKey(id), what, height)
    return bytes === undefined ? undefined : readAs(decodeBlock(bytes), what, height)
  }

  /** A final block. */
  async at(height: number): Promise<Block | undefined> {
    const id = await this.idAt(height)
    if (id === undefined) return undefined
    const block = await this.byId(id, height)
    const isPruned = block === undefined && (await this.idAt(height)) === undefined
    if (block === undefined && !isPruned)
      throw corrupt(`the block at height ${height}`, 'it is missing', height)
    return block
  }

  idAt(height: number): Promise<Digest | undefined> {
    return getSealed(this.#database, heightKey(height), `the index of height ${height}`, height)
  }

  async isFinal(id: Digest, height: number): Promise<boolean> {
    const final = await this.idAt(height)
    return final !== undefined && equalBytes(final, id)
  }

  async finalCertificateFor(height: number): Promise<Certificate | undefined> {
    const range = { ...numbersOf('f', height), limit: 1 }
    const what = (key: Uint8Array): string => `the certificate of height ${numberAt(key, 1)}`
    for await (const [key, bytes] of entriesSealed(this.#database, range, what))
      return readAs(decodeCertificate(bytes), what(key), numberAt(key, 1))
    return undefined
  }
}
