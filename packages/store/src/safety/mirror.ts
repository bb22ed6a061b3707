/**
 * The high-water file: what `safety/` promised, written a second time and outside of LevelDB, before
 * LevelDB sees it. Records have a fixed size and count up; the newest one says in full what was about
 * to be recorded. A database that stands one behind was interrupted and is brought forward from the
 * record; any other difference means that one of the two was rolled back or damaged.
 *
 * record, 512 bytes: magic 4 · sequence u64 · length u16 · entry · zeros · seal 8 (SHA-256 of the rest)
 */

import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { assert, equalBytes, sha256, utf8 } from '@gradmesh/core'
import { failureOf, MOVE_KEY, storeError } from '../failures.ts'
import { syncFolder } from '../sync-folder.ts'

const RECORD_BYTES = 512
const HEAD_BYTES = 14
const SEAL_BYTES = 8
export const ENTRY_BYTES_MAX = RECORD_BYTES - HEAD_BYTES - SEAL_BYTES
const MAGIC = utf8('gmh1')
/** A quarter of a mebibyte: some hundred rounds, read in one go at start. */
const RECORDS_MAX = 512

export interface MirrorRecord {
  readonly sequence: number
  readonly entry: Uint8Array
}

export interface Mirror {
  /** Durable when it resolves. */
  append(record: MirrorRecord): Promise<void>
  close(): Promise<void>
}

export interface OpenedMirror {
  readonly mirror: Mirror
  readonly newest: MirrorRecord
}

const encodeRecord = ({ sequence, entry }: MirrorRecord): Uint8Array => {
  assert(entry.length <= ENTRY_BYTES_MAX, `a high-water entry has at most ${ENTRY_BYTES_MAX} bytes`)
  const bytes = new Uint8Array(RECORD_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setBigUint64(4, BigInt(sequence))
  view.setUint16(12, entry.length)
  bytes.set(entry, HEAD_BYTES)
  bytes.set(sealOf(bytes), RECORD_BYTES - SEAL_BYTES)
  return bytes
}

const sealOf = (record: Uint8Array): Uint8Array =>
  sha256(record.subarray(0, RECORD_BYTES - SEAL_BYTES)).subarray(0, SEAL_BYTES)

const decodeRecord = (bytes: Uint8Array): MirrorRecord | undefined => {
  if (bytes.length !== RECORD_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC)) return undefined
  if (!equalBytes(bytes.subarray(RECORD_BYTES - SEAL_BYTES), sealOf(bytes))) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint16(12)
  if (length > ENTRY_BYTES_MAX) return undefined
  return { sequence: Number(view.getBigUint64(4)), entry: bytes.slice(HEAD_BYTES, HEAD_BYTES + length) }
}

const writeNew = async (path: string, record: MirrorRecord): Promise<void> => {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(encodeRecord(record))
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Puts a file with this one record in the place of whatever is at `path`, at once or not at all. */
export const replaceMirror = async (path: string, record: MirrorRecord): Promise<void> => {
  const fresh = `${path}.new`
  await writeNew(fresh, record)
  await rename(fresh, path)
  await syncFolder(dirname(path))
}

export const mirrorDamage = (path: string, detail: string): Error =>
  storeError('STORE_SAFETY_MISMATCH', `the record of what this peer signed is not whole: ${detail}`, {
    remedy: MOVE_KEY,
    data: { file: path }
  })

/**
 * The newest record and a mirror that goes on after it. A record that a crash cut short at the very end
 * is dropped: it was never acknowledged. Codes: STORE_SAFETY_MISMATCH.
 */
export const openMirror = async (path: string): Promise<OpenedMirror> => {
  let handle: FileHandle
  try {
    await rm(`${path}.new`, { force: true })
    handle = await open(path, 'r+')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw mirrorDamage(path, 'the high-water file is missing')
    }
    throw failureOf(error, path)
  }
  try {
    const bytes = new Uint8Array(await handle.readFile())
    const whole = Math.ceil(bytes.length / RECORD_BYTES)
    let newest: MirrorRecord | undefined
    let count = 0
    for (; count < whole; count++) {
      const record = decodeRecord(bytes.subarray(count * RECORD_BYTES, (count + 1) * RECORD_BYTES))
      if (record === undefined && count === whole - 1) break
      if (record === undefined) throw mirrorDamage(path, `record ${count} of the high-water file is damaged`)
      if (newest !== undefined && record.sequence !== newest.sequence + 1) {
        throw mirrorDamage(path, `record ${count} of the high-water file does not follow the one before it`)
      }
      newest = record
    }
    if (newest === undefined) throw mirrorDamage(path, 'the high-water file holds no record')
    return { mirror: new FileMirror(path, handle, count), newest }
  } catch (error) {
    await handle.close()
    throw failureOf(error, path)
  }
}

class FileMirror implements Mirror {
  readonly #path: string
  #handle: FileHandle
  #count: number

  constructor(path: string, handle: FileHandle, count: number) {
    this.#path = path
    this.#handle = handle
    this.#count = count
  }

  async append(record: MirrorRecord): Promise<void> {
    if (this.#count >= RECORDS_MAX) return this.#rotate(record)
    const { bytesWritten } = await this.#handle.write(
      encodeRecord(record),
      0,
      RECORD_BYTES,
      this.#count * RECORD_BYTES
    )
    if (bytesWritten !== RECORD_BYTES) {
      throw storeError('STORE_FULL', `only ${bytesWritten} bytes of a record fitted into ${this.#path}`, {
        remedy: 'Free space on that disk, then start the peer again; nothing acknowledged is lost.',
        data: { file: this.#path }
      })
    }
    await this.#handle.datasync()
    this.#count++
  }

  async #rotate(record: MirrorRecord): Promise<void> {
    await replaceMirror(this.#path, record)
    const old = this.#handle
    this.#handle = await open(this.#path, 'r+')
    this.#count = 1
    await old.close()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
