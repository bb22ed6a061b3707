/**
 * The folder `safety/`: made once in the life of a key, and opened only where nothing of it is missing. A crash between
 * the two writes of a promise is brought forward; any other difference between them stops the peer.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError, u64 } from '@gradmesh/core'
import type { Database } from '../database.ts'
import { damagedFile, failureOf, MOVE_KEY, storeError } from '../failures.ts'
import { numberAt } from '../keys.ts'
import { lookTwice, type Scan, scanLevelDb } from '../leveldb/scan.ts'
import { openLevelDb } from '../leveldb.ts'
import { getSealed, put } from '../sealed.ts'
import { syncFolder } from '../sync-folder.ts'
import {
  BOUNDS,
  decodeEntry,
  type Entry,
  encodeEntry,
  HIGH_WATER,
  KEY,
  operationsOf,
  SEQUENCE
} from './entry.ts'
import { mirrorDamage, type OpenedMirror, openMirror, replaceMirror } from './mirror.ts'
import { type Counters, OpenSafety } from './open-safety.ts'
import type { SafetyStore } from './safety-store.ts'

const MIRROR = 'high-water'

/**
 * Makes the safety folder of a new key. Code STORE_EXISTS when a key has already signed from it.
 * A run that was cut short is completed.
 */
export const initSafety = async (folder: string, key: Uint8Array): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if ((await readdir(folder)).includes(MIRROR)) throw exists(folder)
  } catch (error) {
    throw failureOf(error, folder)
  }
  const database = await openLevelDb(folder, { create: true })
  try {
    const entry: Entry = { type: 'init', key }
    const sequence = await sequenceOf(database)
    if (sequence !== undefined && sequence > 0) throw exists(folder)
    await database.batch([...operationsOf(entry, 0), put(SEQUENCE, u64(0))], { sync: true })
    await replaceMirror(join(folder, MIRROR), { sequence: 0, entry: encodeEntry(entry) })
    await syncFolder(dirname(folder))
  } catch (error) {
    throw failureOf(error, folder)
  } finally {
    await database.close()
  }
}

const exists = (folder: string): Error =>
  storeError('STORE_EXISTS', `${folder} already holds the votes of a key`, {
    remedy: 'Keep it: it is what stops this key from voting twice. Choose another folder for a new key.',
    data: { folder }
  })

/**
 * Codes: STORE_MISSING, STORE_LOCKED, STORE_CORRUPT (a file is damaged), STORE_SAFETY_MISMATCH (the
 * database and the high-water file disagree), and those of the disk. After any of them: do not sign.
 */
export const openSafety = async (folder: string): Promise<SafetyStore> => {
  await assertWhole(folder)
  const database = await openLevelDb(folder, { create: false })
  let opened: OpenedMirror | undefined
  try {
    opened = await openMirror(join(folder, MIRROR))
    return await openSafetyOn(database, opened, folder)
  } catch (error) {
    await opened?.mirror.close()
    await database.close()
    throw failureOf(error, folder)
  }
}

/** LevelDB drops damaged log records without a word as it opens, so its files are read first. */
const assertWhole = async (folder: string): Promise<void> => {
  const scan = await scanOf(folder)
  const first = scan?.findings[0]
  if (first !== undefined) throw damagedFile(folder, first, MOVE_KEY)
  if (scan !== undefined) return
  const names: string[] = await readdir(folder).catch(() => [])
  if (names.includes(MIRROR)) {
    throw mirrorDamage(folder, 'the database is missing')
  }
  throw recordMissing(folder)
}

/** `STORE_MISSING` where a record was, which must not be begun anew. */
export const recordMissing = (folder: string): Error =>
  storeError('STORE_MISSING', `the record of what this key signed is missing: ${folder}`, {
    remedy: MOVE_KEY,
    data: { folder }
  })

/** `undefined` where there is no database. */
const scanOf = async (folder: string): Promise<Scan | undefined> => {
  try {
    return await lookTwice(() => scanLevelDb(folder))
  } catch (error) {
    if (error instanceof MeshError && error.code === 'STORE_MISSING') return undefined
    throw error
  }
}

const sequenceOf = async (database: Database): Promise<number | undefined> => {
  const bytes = await getSealed(database, SEQUENCE, 'the sequence number of safety')
  return bytes === undefined
    ? undefined
    : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
}

/** `openSafety` on any database and mirror: for simulations. `name` is for messages. */
export const openSafetyOn = async (
  database: Database,
  { mirror, newest }: OpenedMirror,
  name: string
): Promise<SafetyStore> => {
  const key = await getSealed(database, KEY, 'the key of safety')
  const sequence = await sequenceOf(database)
  if (key === undefined || sequence === undefined) throw mirrorDamage(name, 'the database is empty')
  if (newest.sequence > sequence + 1 || newest.sequence < sequence) {
    throw mirrorDamage(
      name,
      `the high-water file ends at record ${newest.sequence}, the database at ${sequence}`
    )
  }
  const highWater = await getSealed(database, HIGH_WATER, 'the high-water slot')
  const state = { highWater: highWater === undefined ? -1 : numberAt(highWater, 0), sequence }
  if (newest.sequence === sequence + 1) await bringForward(database, newest.entry, state, name)
  const bounds = await getSealed(database, BOUNDS, 'the pruning bounds of safety')
  return new OpenSafety(database, mirror, key, state, {
    slot: bounds === undefined ? 0 : numberAt(bounds, 0),
    round: bounds === undefined ? 0 : numberAt(bounds, 4)
  })
}

/** A crash fell between the two writes: record in the database what the high-water file already says. */
const bringForward = async (
  database: Database,
  bytes: Uint8Array,
  state: Counters,
  name: string
): Promise<void> => {
  const entry = decodeEntry(bytes)
  if (entry === undefined) throw mirrorDamage(name, 'the newest record is of a kind unknown to this version')
  state.sequence++
  const operations = operationsOf(entry, state.highWater)
  await database.batch([...operations, put(SEQUENCE, u64(state.sequence))], { sync: true })
  if (entry.type === 'vote') state.highWater = Math.max(state.highWater, entry.facts.slot)
}
