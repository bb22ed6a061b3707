/**
 * What can go wrong between a peer and its disk, each with what to do about it. LevelDB tells its
 * failures apart by text alone; the texts are met in this file only.
 */
import { MeshError, type MeshErrorInit } from '@gradmesh/core'

export type StoreCode =
  | 'STORE_LOCKED'
  | 'STORE_CORRUPT'
  | 'STORE_MISSING'
  | 'STORE_EXISTS'
  | 'STORE_FORMAT'
  | 'STORE_FULL'
  | 'STORE_PERMISSION'
  | 'STORE_IO'
  | 'STORE_CLOSED'
  | 'STORE_SEQUENCE'
  | 'STORE_SAFETY_MISMATCH'
  | 'STORE_SAFETY_CONFLICT'
  | 'STORE_SAFETY_BELOW'
  | 'STORE_SAFETY_STOPPED'

export const storeError = (code: StoreCode, message: string, init: MeshErrorInit = {}): MeshError =>
  new MeshError(code, message, init)

/** `what` is damaged. `height`, where it belongs to one, is named for whoever has to find it again. */
export const corrupt = (
  what: string,
  detail: string,
  height: number | null = null,
  remedy = RESTORE
): MeshError =>
  storeError('STORE_CORRUPT', `${what} is damaged: ${detail}`, {
    remedy,
    data: height === null ? { what } : { what, height }
  })

const RESTORE =
  'Run `gradmesh verify` on the data folder. The chain can be fetched again from other peers into an empty `chain` folder; never delete or repair `safety`.'

/** For `safety`: the key goes on elsewhere, by what the mesh knows. */
export const MOVE_KEY =
  'This key must not vote again from this folder: it could contradict a vote that others hold. `gradmesh key export`, then `gradmesh key import` into a new folder: there the key votes again as soon as it can contradict nothing.'

/** A file of a database, `at` this byte as far as that is known. */
export const damagedFile = (
  folder: string,
  { file, what, at }: { readonly file: string; readonly what: string; readonly at?: number },
  remedy = FETCH_AGAIN
): MeshError =>
  storeError('STORE_CORRUPT', `${file} in ${folder} is damaged: ${what}`, {
    remedy,
    data: { folder, file, ...(at === undefined ? {} : { byte: at }) }
  })

const FETCH_AGAIN =
  'Nothing was changed; `gradmesh verify` names all that is damaged. Move `chain` away (keep `key` and `safety`) and start again: it is fetched from the mesh. If no other peer has this chain, keep what you moved.'

const FILE = /(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)/

const chainOf = (error: unknown): Error[] => {
  const errors: Error[] = []
  for (let at = error; at instanceof Error && errors.length < 8; at = at.cause) errors.push(at)
  return errors
}

/** The failure behind an error of `level` or of the file system. */
export const failureOf = (error: unknown, folder: string): MeshError => {
  if (error instanceof MeshError) return error
  const errors = chainOf(error)
  const codes = errors.map(one => ('code' in one ? String(one.code) : ''))
  const deepest = errors.at(-1)?.message ?? String(error)
  const says = (text: RegExp): boolean => errors.some(one => text.test(one.message))
  const has = (...wanted: string[]): boolean => codes.some(code => wanted.includes(code))
  const file = errors.map(one => FILE.exec(one.message)?.[0]).find(name => name !== undefined)
  const init = (remedy: string): MeshErrorInit => ({
    cause: error,
    remedy,
    data: file === undefined ? { folder } : { folder, file }
  })
  const named = file === undefined ? folder : `${file} in ${folder}`

  if (has('LEVEL_LOCKED')) {
    return storeError(
      'STORE_LOCKED',
      `${folder} is in use by another process`,
      init('Another peer runs on this folder. Stop it first, or give this one its own with --data.')
    )
  }
  if (has('ENOSPC', 'EDQUOT') || says(/no space left|quota exceeded|file too large/i)) {
    return storeError(
      'STORE_FULL',
      `no space left to write ${named}`,
      init('Free space on that disk, then start the peer again; nothing acknowledged is lost.')
    )
  }
  if (has('EROFS') || says(/read-only file system/i)) {
    return storeError(
      'STORE_PERMISSION',
      `${named} can't be written: its file system is read-only`,
      init(
        'Mount it to be written (`dmesg` says if a fault made it read-only), or work on a copy of the folder.'
      )
    )
  }
  if (has('EACCES', 'EPERM') || says(/permission denied|not permitted/i)) {
    return storeError(
      'STORE_PERMISSION',
      `no permission for ${named}`,
      init('Run the peer as the user who owns the folder, or change the owner of the folder.')
    )
  }
  if (has('ENOTDIR', 'EEXIST') || says(/not a directory/i)) {
    return storeError(
      'STORE_PERMISSION',
      `${folder} cannot be a folder: a file is in the way`,
      init('Choose another folder with --data.')
    )
  }
  if (says(/does not exist \(create_if_missing is false\)/)) return missing(folder, error)
  if (has('LEVEL_CORRUPTION') || (file !== undefined && says(/no such file/i))) {
    return storeError('STORE_CORRUPT', `${named} is damaged: ${deepest}`, init(RESTORE))
  }
  if (errors.length === 1 && has('LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN')) {
    return closed(folder, error)
  }
  return storeError(
    'STORE_IO',
    `reading or writing ${named} failed: ${deepest}`,
    init(
      'Look at the disk (`dmesg`, free space, mount options); `gradmesh verify` tells whether the files are whole. Then start the peer again.'
    )
  )
}

export const missing = (folder: string, cause?: unknown): MeshError =>
  storeError('STORE_MISSING', `there is no database in ${folder}`, {
    cause,
    remedy: 'Check --data, or make a new peer with `gradmesh init`.',
    data: { folder }
  })

export const closed = (folder: string, cause?: unknown): MeshError =>
  storeError('STORE_CLOSED', `the database in ${folder} is closed`, { cause, data: { folder } })

/** A call that does not fit what is held. Code STORE_SEQUENCE. */
export const sequence = (detail: string, data: Readonly<Record<string, number | string>>): Error =>
  storeError('STORE_SEQUENCE', detail, {
    remedy: 'Nothing was written. This is a defect in the peer: restart it, and report what it logged.',
    data
  })
