/**
 * A peer's folder: `key` (32-byte Ed25519 seed in hexadecimal, readable by its owner alone), `genesis`
 * (canonical bytes), `safety/` (what was signed) and `chain/` (what is known). One folder, one key,
 * one process: two copies of it running at once would contradict themselves and be slashed.
 */

import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, isFault, MeshError, toHex } from '@gradmesh/core'
import { initSafety } from '@gradmesh/store'
import {
  decodeGenesis,
  encodeGenesis,
  type Genesis,
  type KeyPair,
  keyPairFromSeed,
  validateGenesis
} from '@gradmesh/wire'

export const paths = (folder: string) =>
  ({
    key: join(folder, 'key'),
    genesis: join(folder, 'genesis'),
    safety: join(folder, 'safety'),
    chain: join(folder, 'chain'),
    trust: join(folder, 'trust.json')
  }) as const

export const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false
  )

/** A new key, or the one that is there already. */
export const ensureKey = async (folder: string): Promise<KeyPair> => {
  const { key } = paths(folder)
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(error => {
    throw new MeshError('FOLDER_WRITE', `can't make the data folder ${folder}: ${reason(error)}`, {
      cause: error,
      remedy: 'Choose a folder that you may write with --data DIR.'
    })
  })
  if (await exists(key)) return readKey(folder)
  await writeDurably(key, `${toHex(randomBytes(32))}\n`, 0o600)
  return readKey(folder)
}

/** @throws MeshError `KEY_MISSING`, `KEY_UNREADABLE` */
export const readKey = async (folder: string): Promise<KeyPair> => {
  const { key } = paths(folder)
  if (!(await exists(key))) {
    throw new MeshError('KEY_MISSING', `there is no key in ${folder}`, {
      remedy: 'Run `gradmesh init` or `gradmesh join TICKET` first, or name another folder with --data.'
    })
  }
  const text = await readFile(key, 'utf8').catch(error => {
    throw new MeshError('KEY_UNREADABLE', `can't read ${key}: ${reason(error)}`, {
      cause: error,
      remedy: 'The file must belong to the user who runs the peer (mode 0600).'
    })
  })
  const seed = fromHex(text.trim())
  if (seed === undefined || seed.length !== 32) {
    throw new MeshError(
      'KEY_UNREADABLE',
      `${key} does not hold a key: 64 lower-case hexadecimal digits are expected`,
      {
        remedy:
          'Restore the file from a backup. Without it this identity, its stake and its rewards are lost.'
      }
    )
  }
  await chmod(key, 0o600).catch(() => {})
  return keyPairFromSeed(seed)
}

/** @throws MeshError `GENESIS_MISSING`, `GENESIS_INVALID` */
export const readGenesis = async (folder: string): Promise<{ genesis: Genesis; bytes: Uint8Array }> => {
  const path = paths(folder).genesis
  const bytes = await readFile(path).then(
    buffer => new Uint8Array(buffer),
    () => undefined
  )
  if (bytes === undefined) {
    throw new MeshError('GENESIS_MISSING', `there is no genesis in ${folder}`, {
      remedy: 'Run `gradmesh init` for a new mesh or `gradmesh join TICKET` for one that exists.'
    })
  }
  return { genesis: parseGenesis(bytes, path), bytes }
}

/** @throws MeshError `GENESIS_INVALID` */
export const parseGenesis = (bytes: Uint8Array, where: string): Genesis => {
  const genesis = decodeGenesis(bytes)
  const wrong = isFault(genesis) ? genesis : validateGenesis(genesis)
  if (isFault(genesis) || wrong !== null) {
    throw new MeshError(
      'GENESIS_INVALID',
      `${where} is not a valid genesis: ${wrong?.fault}${wrong?.detail ? ` (${wrong.detail})` : ''}`,
      {
        remedy: 'Fetch it again with `gradmesh join TICKET`, or use the release that made it.'
      }
    )
  }
  return genesis
}

/** Puts the genesis in place and opens the safety record: from here on this key may vote. */
export const settleFolder = async (folder: string, genesis: Genesis, keys: KeyPair): Promise<void> => {
  const { genesis: path, safety } = paths(folder)
  const bytes = encodeGenesis(genesis)
  if (await exists(path)) {
    const held = await readFile(path)
    if (!held.equals(bytes)) {
      throw new MeshError('GENESIS_OTHER', `${folder} already belongs to another mesh`, {
        remedy: 'Name a new folder with --data DIR; never reuse a folder for a second mesh.'
      })
    }
  } else await writeDurably(path, bytes, 0o644)
  if (!(await exists(safety))) await initSafety(safety, keys.publicKey)
}

export const writeDurably = async (
  path: string,
  content: string | Uint8Array,
  mode: number
): Promise<void> => {
  const file = await open(path, 'wx', mode).catch(error => {
    throw new MeshError('FOLDER_WRITE', `can't write ${path}: ${reason(error)}`, { cause: error })
  })
  try {
    await writeFile(file, content)
    await file.sync()
  } finally {
    await file.close()
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
