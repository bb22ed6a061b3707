/**
 * The file `start` in the folder of a peer whose mesh goes on from another: the state that it begins with, which no
 * seed gives again. The root in the genesis says whether it is the right one.
 *
 *     accounts length u32 · accounts · weights int32, all little-endian
 */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@gradmesh/core'
import { encodeAccounts, type LedgerState } from '@gradmesh/ledger'
import type { Genesis } from '@gradmesh/wire'
import { noOrigin, type Origin, type Start } from '../state/origin.ts'
import { basesOf } from '../training/task.ts'
import { paths, pluginIn } from './folder.ts'
import { writeDurably } from './write-durably.ts'

/** `dataset`: where this machine keeps the mesh's data set. @throws MeshError `DATA_…`, `START_UNREADABLE` */
export const originOf = async (genesis: Genesis, folder: string, dataset: string | null): Promise<Origin> =>
  genesis.parent === undefined
    ? { bases: await basesOf(genesis, dataset, await pluginIn(folder, genesis)), start: null }
    : { ...noOrigin, start: await readStart(folder) }

/** @throws MeshError `FOLDER_WRITE` */
export const writeStart = async (
  folder: string,
  { accounts, weights }: Pick<LedgerState, 'accounts' | 'weights'>
): Promise<void> => {
  const encoded = encodeAccounts(accounts)
  const bytes = new Uint8Array(4 + encoded.length + 4 * weights.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, encoded.length, true)
  bytes.set(encoded, 4)
  for (let i = 0; i < weights.length; i++) view.setInt32(4 + encoded.length + 4 * i, weights[i]!, true)
  await writeDurably(paths(folder).start, bytes, 0o644)
}

const readStart = async (folder: string): Promise<Start | null> => {
  const path = paths(folder).start
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw unreadable(path, cause.message)
  })
  if (bytes === null) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const from = bytes.length < 4 ? Number.POSITIVE_INFINITY : 4 + view.getUint32(0, true)
  if (bytes.length < from || (bytes.length - from) % 4 !== 0) throw unreadable(path, 'it is cut short')
  const weights = Int32Array.from({ length: (bytes.length - from) / 4 }, (_, i) =>
    view.getInt32(from + 4 * i, true)
  )
  return { accounts: new Uint8Array(bytes.subarray(4, from)), weights }
}

const unreadable = (path: string, why: string): MeshError =>
  new MeshError('START_UNREADABLE', `can't read ${path}: ${why}`, {
    remedy: 'Copy the file from the folder of another survivor: it is the same for all of them.'
  })
