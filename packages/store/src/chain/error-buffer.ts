/** The trainer's error buffer, in pieces small enough to leave the log between two votes. */
import type { Digest } from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { corrupt } from '../failures.ts'
import { allOf, numbersOf } from '../keys.ts'
import { del, entriesSealed, getSealed, put } from '../sealed.ts'
import { ERROR_HEAD, errorKey } from './keys.ts'
import { decodeErrorHead, type ErrorFeedback, encodeErrorHead } from './values.ts'

export const ERROR_PIECE_BYTES = 256 * 1024

/** What puts a buffer in the place of the one that is held. */
export const replaceError = async (
  database: Database,
  { round, buffer, pendingDelta }: ErrorFeedback
): Promise<Operation[]> => {
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  const operations: Operation[] = []
  for await (const [key] of database.entries(allOf('e'))) operations.push(del(key))
  for (let at = 0, piece = 0; at < bytes.length; at += ERROR_PIECE_BYTES, piece++) {
    operations.push(put(errorKey(round, piece), bytes.subarray(at, at + ERROR_PIECE_BYTES)))
  }
  operations.push(put(ERROR_HEAD, encodeErrorHead(round, buffer.length, pendingDelta)))
  return operations
}

/** Code STORE_CORRUPT. */
export const readError = async (database: Database): Promise<ErrorFeedback | undefined> => {
  const head = await headOf(database)
  if (head === undefined) return undefined
  const { round, entries, pendingDelta } = head
  const buffer = new Int32Array(entries)
  const into = new Uint8Array(buffer.buffer)
  let at = 0
  for await (const [, piece] of entriesSealed(
    database,
    numbersOf('e', round, round),
    () => 'the error buffer'
  )) {
    if (at + piece.length > into.length) throw corrupt('the error buffer', 'it is longer than it says')
    into.set(piece, at)
    at += piece.length
  }
  if (at !== into.length) throw corrupt('the error buffer', `${at} of ${into.length} bytes are there`)
  return { round, buffer, pendingDelta }
}

/** The own delta that the buffer refers to: needed as long as the buffer. */
export const pendingDelta = async (database: Database): Promise<Digest | null> =>
  (await headOf(database))?.pendingDelta ?? null

const headOf = async (database: Database) => {
  const bytes = await getSealed(database, ERROR_HEAD, 'the error buffer')
  return bytes === undefined ? undefined : decodeErrorHead(bytes)
}
