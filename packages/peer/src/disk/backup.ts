/**
 * A key in a file of its own, to be restored where the folder is lost: the key as it lies in the folder (plain, or
 * sealed by a passphrase), the genesis of its mesh, and how far it had signed. A key that comes back from it is marked,
 * and signs nothing until it can't contradict what it signed after the backup (`round/renewing.ts`).
 */
import { readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { equalBytes, fromHex, MeshError, toHex } from '@gradmesh/core'
import { openSafety, syncFolder } from '@gradmesh/store'
import { BOUNDS, chainIdOf, type Genesis } from '@gradmesh/wire'
import type { RestoredMark } from '../round/renewing.ts'
import { exists, parseGenesis, paths, readGenesis, readPublicKey, settleFolder } from './folder.ts'
import { parseKeyFile, publicKeyOf } from './key-file.ts'
import { makeFolder } from './make-folder.ts'
import { reason, writeDurably } from './write-durably.ts'

const FORMAT = 'gradmesh-backup/1'

export interface Backup {
  readonly publicKey: Uint8Array
  readonly isSealed: boolean
  readonly genesis: Genesis
  /** The highest slot that the key had voted in, -1 before the first, and the newest final height it had seen. */
  readonly slot: number
  readonly height: number
  /** Where its mesh was met. */
  readonly addresses: readonly string[]
}

/**
 * The peer must not be running. Where the record of what was signed is damaged or gone, the backup says so, and is as
 * good: whoever restores it waits all the same. @throws MeshError `KEY_…`, `GENESIS_MISSING`, `STORE_LOCKED`, `FOLDER_WRITE`
 */
export const exportKey = async (
  folder: string,
  file: string,
  addresses: readonly string[]
): Promise<Backup> => {
  const { genesis, bytes } = await readGenesis(folder)
  const { publicKey, isSealed } = await readPublicKey(folder)
  const { slot, height } = await signedBy(folder)
  const content = {
    format: FORMAT,
    key: await readFile(paths(folder).key, 'utf8'),
    genesis: toHex(bytes),
    slot,
    height,
    addresses
  }
  await writeDurably(file, `${JSON.stringify(content, null, 2)}\n`, 0o600)
  return { publicKey, isSealed, genesis, slot, height, addresses }
}

const signedBy = async (folder: string): Promise<Pick<Backup, 'slot' | 'height'>> => {
  const safety = await openSafety(paths(folder).safety).catch(error => {
    if (error instanceof MeshError && DAMAGE.has(error.code)) return undefined
    throw error
  })
  if (safety === undefined) return { slot: -1, height: 0 }
  try {
    return { slot: safety.highWaterSlot(), height: (await safety.final())?.height ?? 0 }
  } finally {
    await safety.close()
  }
}

const DAMAGE = new Set(['STORE_MISSING', 'STORE_CORRUPT', 'STORE_SAFETY_MISMATCH'])

/**
 * Makes the folder of a backup, or brings one forward whose record of what was signed is older.
 * @throws MeshError `BACKUP_INVALID`, `BACKUP_OTHER_KEY`, `BACKUP_OLDER`, `GENESIS_OTHER`, `STORE_…`, `FOLDER_WRITE`
 */
export const importKey = async (file: string, folder: string): Promise<Backup> => {
  const { backup, keyText } = await readBackup(file)
  const { key, safety: path, restored } = paths(folder)
  await makeFolder(folder)
  if (await exists(key)) await assertOlder(folder, backup)
  // The mark first: there is never a restored key without it.
  if (!(await exists(restored)))
    await writeDurably(restored, `${JSON.stringify({ slot: backup.slot })}\n`, 0o600)
  if (!(await exists(key))) await writeDurably(key, keyText, 0o600)
  await settleFolder(folder, backup.genesis, backup)
  const safety = await openSafety(path)
  try {
    await safety.prune({ slot: backup.slot + 1, round: 0 })
  } finally {
    await safety.close()
  }
  return backup
}

/** @throws MeshError `BACKUP_OTHER_KEY`, `BACKUP_OLDER`, `GENESIS_OTHER`, `STORE_…` */
const assertOlder = async (folder: string, backup: Backup): Promise<void> => {
  const { publicKey } = await readPublicKey(folder)
  if (!equalBytes(publicKey, backup.publicKey)) {
    throw new MeshError('BACKUP_OTHER_KEY', `${folder} holds another key, ${toHex(publicKey)}`, {
      remedy: 'Name a new folder with --data DIR.'
    })
  }
  const held = await readGenesis(folder).catch(() => undefined)
  if (held !== undefined && !equalBytes(chainIdOf(held.genesis), chainIdOf(backup.genesis))) {
    throw new MeshError('GENESIS_OTHER', `${folder} belongs to another mesh than the backup`, {
      remedy: 'Name a new folder with --data DIR.'
    })
  }
  if (!(await exists(paths(folder).safety))) return
  const safety = await openSafety(paths(folder).safety)
  try {
    const [slot, height] = [safety.highWaterSlot(), (await safety.final())?.height ?? 0]
    if (slot < backup.slot || (slot === backup.slot && height < backup.height)) return
    throw new MeshError(
      'BACKUP_OLDER',
      slot === backup.slot
        ? `${folder} knows all that the backup knows of what this key has signed`
        : `${folder} knows what this key has signed up to slot ${slot}, the backup only up to slot ${backup.slot}`,
      {
        remedy:
          'Nothing is missing here: start the peer with `gradmesh up`. Never remove safety/ to import a backup.',
        data: { slot, backup: backup.slot }
      }
    )
  } finally {
    await safety.close()
  }
}

const GIVE = 'Give the file that `gradmesh key export` wrote, whole.'

const readBackup = async (file: string): Promise<ReadBackup> => {
  const text = await readFile(file, 'utf8').catch(cause => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : reason(cause)
    throw new MeshError('BACKUP_INVALID', `can't read ${file}: ${why}`, { remedy: GIVE, cause })
  })
  return parseBackup(text, file)
}

export interface ReadBackup {
  readonly backup: Backup
  readonly keyText: string
}

/** @throws MeshError `BACKUP_INVALID`, `GENESIS_INVALID` */
export const parseBackup = (text: string, file: string): ReadBackup => {
  const invalid = (why: string): MeshError =>
    new MeshError('BACKUP_INVALID', `${file} is no backup of a key: ${why}`, { remedy: GIVE })
  const { format, key, genesis, slot, height, addresses } = parse(text)
  if (format !== FORMAT) throw invalid(`it is damaged, or was never one (a backup says "${FORMAT}")`)
  const held = typeof key === 'string' ? parseKeyFile(key) : undefined
  const bytes = typeof genesis === 'string' ? fromHex(genesis) : undefined
  const isList = Array.isArray(addresses) && addresses.every(each => typeof each === 'string')
  if (held === undefined || bytes === undefined || !isWhole(slot, -1) || !isWhole(height, 0) || !isList)
    throw invalid('a part of it is damaged')
  return {
    keyText: key as string,
    backup: {
      publicKey: publicKeyOf(held),
      isSealed: !(held instanceof Uint8Array),
      genesis: parseGenesis(bytes, file),
      slot,
      height,
      addresses
    }
  }
}

/** Below the last number that is written down: of the slots after this one, there must be a first. */
const isWhole = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) < BOUNDS.counterMax

const parse = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

export const restoredMark = (folder: string): RestoredMark => {
  const { restored } = paths(folder)
  return {
    isThere: () => exists(restored),
    async clear() {
      await rm(restored, { force: true })
      await syncFolder(dirname(restored))
    }
  }
}
