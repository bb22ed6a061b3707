/**
 * The trainer's error buffer: 4 bytes a parameter, another one every round. LevelDB would write each four times over, in
 * its log, a table and compactions. So it lies beside the values, in one of two files in turn. The head value names the
 * one that counts and its digest, and changes once that file is on the disk; until then the other one stays as it is.
 * It is there from the chain's beginning, of no entries then: a head that is missing was lost.
 */
import { DIGEST_BYTES, equalBytes, sha256 } from '@gradmesh/core'
import type { Digest } from '@gradmesh/wire'
import type { Database, Operation } from '../database.ts'
import { corrupt } from '../failures.ts'
import { getSealed, put } from '../sealed.ts'
import { ERROR_HEAD } from './keys.ts'
import {
  decodeErrorHead,
  type ErrorFeedback,
  type ErrorHead,
  encodeErrorHead,
  type LostError
} from './values.ts'

/** Hashed and written at once: less than a millisecond of the thread. */
const PIECE_BYTES = 1024 * 1024

export const ERROR_FILE = /^error-[01]$/
const nameOf = ({ file }: Pick<ErrorHead, 'file'>): string => `error-${file}`

/** What stands for a buffer until there is one. */
export const noError = (): Operation =>
  put(
    ERROR_HEAD,
    encodeErrorHead({
      round: 0,
      entries: 0,
      pendingDelta: null,
      file: 1,
      digest: new Uint8Array(DIGEST_BYTES)
    })
  )

/** Writes a buffer beside the one that is held; the operations put it in its place. */
export const replaceError = async (
  database: Database,
  { round, buffer, pendingDelta }: ErrorFeedback
): Promise<Operation[]> => {
  const { files } = database
  const held = await headOf(database)
  const file = held.file === 0 ? 1 : 0
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  const digests: Digest[] = []
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    digests.push(sha256(piece))
    await files.write(nameOf({ file }), at, piece)
  }
  await files.sync(nameOf({ file }))
  const head = { round, entries: buffer.length, pendingDelta, file, digest: sha256(...digests) } as const
  return [put(ERROR_HEAD, encodeErrorHead(head))]
}

/** Code STORE_CORRUPT where the head is damaged: with it, what this peer published. */
export const readError = async (database: Database): Promise<ErrorFeedback | LostError | undefined> => {
  const head = await headOf(database)
  const { round, entries, pendingDelta } = head
  if (entries === 0) return undefined
  const buffer = new Int32Array(entries)
  const bytes = new Uint8Array(buffer.buffer)
  const digests: Digest[] = []
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    if ((await database.files.read(nameOf(head), at, piece.length, piece)) === undefined)
      return { round, pendingDelta, damage: `the file ${nameOf(head)} is missing or cut` }
    digests.push(sha256(piece))
  }
  if (!equalBytes(sha256(...digests), head.digest))
    return { round, pendingDelta, damage: `the bytes of ${nameOf(head)} are not those that were written` }
  return { round, buffer, pendingDelta }
}

/** The own delta that the buffer refers to: needed as long as the buffer. */
export const pendingDelta = async (database: Database): Promise<Digest | null> =>
  (await headOf(database)).pendingDelta

const headOf = async (database: Database): Promise<ErrorHead> => {
  const bytes = await getSealed(database, ERROR_HEAD, 'the error buffer')
  if (bytes === undefined) throw corrupt('the error buffer', 'its head is missing')
  return decodeErrorHead(bytes)
}
