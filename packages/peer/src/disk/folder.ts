/**
 * A peer's folder: `key` (the Ed25519 seed, plain or sealed by a passphrase: key-file.ts; its owner's alone), `genesis`
 * (canonical bytes), `safety/` (what was signed) and `chain/` (what is known). One folder, one key,
 * one process: two copies of it running at once would contradict themselves and be slashed.
 */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault, MeshError } from '@gradmesh/core'
import { initSafety, recordMissing } from '@gradmesh/store'
import {
  decodeGenesis,
  encodeGenesis,
  type Genesis,
  type KeyPair,
  keyPairFromSeed,
  validateGenesis
} from '@gradmesh/wire'
import { openSeed, parseKeyFile, plainText, publicKeyOf, sealSeed } from './key-file.ts'
import { makeFolder } from './make-folder.ts'
import { makeOwnersAlone } from './owners-alone.ts'
import { reason, replaceDurably, writeDurably } from './write-durably.ts'

export const paths = (folder: string) =>
  ({
    key: join(folder, 'key'),
    genesis: join(folder, 'genesis'),
    safety: join(folder, 'safety'),
    chain: join(folder, 'chain'),
    trust: join(folder, 'trust'),
    tune: join(folder, 'tune'),
    start: join(folder, 'start'),
    restored: join(folder, 'restored'),
    plugin: join(folder, 'plugin'),
    httpToken: join(folder, 'http-token')
  }) as const

export const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false
  )

/** Where this machine has the mesh's task, if it is a plug-in and its place was named: a path, kept in the folder. */
export const pluginIn = async (folder: string, { task }: Pick<Genesis, 'task'>): Promise<string | null> => {
  if (task.digest === null) return null
  const text = await readFile(paths(folder).plugin, 'utf8').catch(() => '')
  return text.trim() === '' ? null : text.trim()
}

/** @throws MeshError `FOLDER_WRITE` */
export const keepPlugin = async (folder: string, place: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {})
  await replaceDurably(paths(folder).plugin, `${place}\n`, 0o644)
}

export interface KeyOptions {
  /** Opens a sealed key, and seals a new one. */
  readonly passphrase?: string | undefined
  /** Hears when others could read the file, which is its owner's alone from then on. */
  readonly tell?: ((message: string) => void) | undefined
}

/** A new key, or the one that is there already. @throws as `readKey`, `KEY_MISSING` where one has signed and is gone */
export const ensureKey = async (folder: string, options: KeyOptions = {}): Promise<KeyPair> => {
  const { key, safety } = paths(folder)
  await makeFolder(folder)
  if ((await exists(key)) || (await exists(safety))) return readKey(folder, options)
  await writeDurably(key, await keyText(randomBytes(32), options.passphrase), 0o600)
  return readKey(folder, options)
}

/** @throws MeshError `KEY_MISSING`, `KEY_UNREADABLE`, `KEY_LOCKED`, `KEY_PASSPHRASE`, `FILE_EXPOSED` */
export const readKey = async (folder: string, { passphrase, tell }: KeyOptions = {}): Promise<KeyPair> => {
  const held = await readKeyFile(folder, tell)
  if (held instanceof Uint8Array) return keyPairFromSeed(held)
  if (passphrase !== undefined) return openSeed(held, passphrase)
  throw new MeshError('KEY_LOCKED', `the key in ${folder} is sealed by a passphrase`, {
    remedy: 'Give the passphrase: at the prompt, in a file with --passphrase-file, or in GRADMESH_PASSPHRASE.'
  })
}

/** Without a passphrase, also where the key is sealed. @throws as `readKey` */
export const readPublicKey = async (
  folder: string
): Promise<{ publicKey: Uint8Array; isSealed: boolean }> => {
  const held = await readKeyFile(folder)
  return { publicKey: publicKeyOf(held), isSealed: !(held instanceof Uint8Array) }
}

/**
 * Seals the key by another passphrase, or with null leaves it plain.
 * @returns false when it was plain already and stays so.
 * @throws as `readKey`
 */
export const rewriteKey = async (
  folder: string,
  options: KeyOptions,
  passphrase: string | null
): Promise<boolean> => {
  const { isSealed } = await readPublicKey(folder)
  if (!isSealed && passphrase === null) return false
  const { secretKey } = await readKey(folder, options)
  await replaceDurably(paths(folder).key, await keyText(secretKey, passphrase ?? undefined), 0o600)
  return true
}

const keyText = (seed: Uint8Array, passphrase: string | undefined): string | Promise<string> =>
  passphrase === undefined ? plainText(seed) : sealSeed(seed, passphrase)

const readKeyFile = async (folder: string, tell: KeyOptions['tell'] = () => {}) => {
  const { key } = paths(folder)
  if (!(await exists(key))) {
    const isUsed = await exists(paths(folder).safety)
    throw new MeshError(
      'KEY_MISSING',
      `there is no key in ${folder}${isUsed ? ', though one has signed from there' : ''}`,
      {
        remedy: isUsed
          ? 'Put its file `key` back from a backup, or `gradmesh key import` what `gradmesh key export` wrote into a new folder. Without it this identity, its stake and its rewards are lost.'
          : 'Run `gradmesh init` or `gradmesh join TICKET` first, or name another folder with --data.'
      }
    )
  }
  const text = await readFile(key, 'utf8').catch(error => {
    throw new MeshError('KEY_UNREADABLE', `can't read ${key}: ${reason(error)}`, {
      cause: error,
      remedy: 'The file must belong to the user who runs the peer (mode 0600).'
    })
  })
  await makeOwnersAlone(key, tell)
  const held = parseKeyFile(text)
  if (held !== undefined) return held
  throw new MeshError(
    'KEY_UNREADABLE',
    `${key} does not hold a key: 64 lower-case hexadecimal digits, or a sealed key, are expected`,
    {
      remedy: 'Restore the file from a backup. Without it this identity, its stake and its rewards are lost.'
    }
  )
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
      `${where} has no valid genesis: ${wrong?.fault}${wrong?.detail ? ` (${wrong.detail})` : ''}`,
      {
        remedy:
          'A founder corrects what it names. Who has joined moves a damaged file away and fetches it again with `gradmesh join TICKET`, or uses the release that made it.'
      }
    )
  }
  return genesis
}

/**
 * Begins the safety record and puts the genesis in place, which comes last: a folder that has it has all else. Where
 * it lies already and the record is gone, none is begun anew, unless the key waits to be renewed: it could contradict
 * what it signed. `vouch` writes what has to be there before the genesis.
 * @throws MeshError `GENESIS_INVALID`, `GENESIS_OTHER`, `STORE_MISSING` before anything is written
 */
export const settleFolder = async (
  folder: string,
  genesis: Genesis,
  { publicKey }: Pick<KeyPair, 'publicKey'>,
  vouch: () => Promise<void> = async () => {}
): Promise<void> => {
  const { genesis: path, safety, restored } = paths(folder)
  const bytes = encodeGenesis(genesis)
  parseGenesis(bytes, 'the new mesh')
  const isSettled = await exists(path)
  const held = isSettled ? await readFile(path) : null
  if (held !== null && !held.equals(bytes)) {
    parseGenesis(held, path)
    throw new MeshError('GENESIS_OTHER', `${folder} already belongs to another mesh`, {
      remedy: 'Name a new folder with --data DIR; never reuse a folder for a second mesh.'
    })
  }
  if (!(await exists(safety))) {
    if (isSettled && !(await exists(restored))) throw recordMissing(safety)
    await initSafety(safety, publicKey)
  }
  await vouch()
  if (!isSettled) await writeDurably(path, bytes, 0o644)
}
