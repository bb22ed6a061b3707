/**
 * The block that a ticket vouches for, kept in the folder: `height id` as text. Once the chain has come that
 * far, it must be the one that stands there; else this peer was led into another history of the same mesh.
 */
import { readFile } from 'node:fs/promises'
import { MeshError, toHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import type { Ticket } from '@gradmesh/wire'
import { exists, paths } from '../disk/folder.ts'
import { writeDurably } from '../disk/write-durably.ts'

export const writeTrust = async (folder: string, { height, blockId }: Ticket): Promise<void> => {
  const path = paths(folder).trust
  if (height === 0 || (await exists(path))) return
  await writeDurably(path, `${height} ${toHex(blockId)}\n`, 0o644)
}

/** @throws MeshError `JOIN_TRUST`; a chain that starts above that height can't be compared and passes. */
export const checkTrust = async (folder: string, chain: ChainStore): Promise<void> => {
  const text = await readFile(paths(folder).trust, 'utf8').catch(() => undefined)
  const [, height, id] = /^(\d+) ([0-9a-f]{64})\s*$/.exec(text ?? '') ?? []
  if (height === undefined) return
  const held = await chain.idAt(Number(height))
  if (held === undefined || toHex(held) === id) return
  throw new MeshError('JOIN_TRUST', `block ${height} of this chain is not the one that the ticket names`, {
    remedy:
      'Somebody leads this peer into another history. Ask several operators for a ticket, and join with a new folder.',
    data: { height: Number(height), held: toHex(held), expected: id ?? null }
  })
}
