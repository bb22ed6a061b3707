/**
 * Values that know where they belong. LevelDB does not check block checksums on reads, and a record
 * that it drops can bring an older value of the same key back. So every value ends in eight bytes of
 * SHA-256 over its key and itself: a flipped bit, or a value under another's key, is named and never
 * returned. (An older value of the same key passes; `scan.ts` finds the dropped record.)
 */
import { sha256, u32 } from '@gradmesh/core'
import type { Database, Operation, Range } from './database.ts'
import { corrupt } from './failures.ts'

export const SEAL_BYTES = 8

/** Its first eight bytes are the seal. */
const sealOf = (key: Uint8Array, value: Uint8Array): Uint8Array => sha256(u32(key.length), key, value)

export const put = (key: Uint8Array, value: Uint8Array): Operation => {
  const sealed = new Uint8Array(value.length + SEAL_BYTES)
  sealed.set(value)
  const seal = sealOf(key, value)
  for (let i = 0; i < SEAL_BYTES; i++) sealed[value.length + i] = seal[i]!
  return { type: 'put', key, value: sealed }
}

export const del = (key: Uint8Array): Operation => ({ type: 'del', key })

/** The value without its seal, or `undefined` when the seal is not that of this key and value. */
export const unseal = (key: Uint8Array, stored: Uint8Array): Uint8Array | undefined => {
  if (stored.length < SEAL_BYTES) return undefined
  const end = stored.length - SEAL_BYTES
  // A view of few bytes costs more than a copy.
  const value = end > 64 ? stored.subarray(0, end) : stored.slice(0, end)
  const seal = sealOf(key, value)
  for (let i = 0; i < SEAL_BYTES; i++) if (stored[value.length + i] !== seal[i]) return undefined
  return value
}

/** `what` and `height` name the value for STORE_CORRUPT. */
export const getSealed = async (
  database: Database,
  key: Uint8Array,
  what: string,
  height: number | null = null
): Promise<Uint8Array | undefined> => {
  const stored = await database.get(key)
  if (stored === undefined) return undefined
  const value = unseal(key, stored)
  if (value === undefined) throw corrupt(what, 'its bytes are not those that were written', height)
  return value
}

export async function* entriesSealed(
  database: Database,
  range: Range,
  what: (key: Uint8Array) => string
): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
  for await (const [key, stored] of database.entries(range)) {
    const value = unseal(key, stored)
    if (value === undefined) throw corrupt(what(key), 'its bytes are not those that were written')
    yield [key, value]
  }
}
