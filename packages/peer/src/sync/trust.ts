/**
 * What a ticket vouches for, kept in the folder: `height id set` as text, a block and the hash of the set that votes
 * then. Once the chain has come that far, it must be the block that stands there, and where the chain starts above
 * it, the set must have voted; else this peer was led into another history of the same mesh.
 */
import { readFile } from 'node:fs/promises'
import { MeshError, toHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import { chainIdOf, type Genesis, type Ticket } from '@gradmesh/wire'
import { digestOf } from '../context.ts'
import { exists, paths } from '../disk/folder.ts'
import { reason, replaceDurably } from '../disk/write-durably.ts'
import type { Epochs } from '../round/epochs.ts'
import { setsProofAt, walkEpochs } from './sets-proofs.ts'

export const writeTrust = async (
  folder: string,
  { height, blockId, validatorSetHash }: Ticket
): Promise<void> => {
  const path = paths(folder).trust
  if (height === 0 || (await exists(path))) return
  await replaceDurably(path, `${height} ${toHex(blockId)} ${toHex(validatorSetHash)}\n`, 0o644)
}

/** @throws MeshError `JOIN_TRUST` */
export const checkTrust = async (folder: string, chain: ChainStore, genesis: Genesis): Promise<void> => {
  const path = paths(folder).trust
  if (!(await exists(path))) return
  const text = await readFile(path, 'utf8').catch(reason)
  const [, height, id, set = ''] = /^(\d+) ([0-9a-f]{64}) ([0-9a-f]{64})\s*$/.exec(text) ?? []
  if (height === undefined)
    throw new MeshError('JOIN_TRUST', `${path}, which says what the ticket vouched for, can't be read`, {
      remedy: 'Move it away and run `gradmesh join TICKET` once more: the ticket of an operator says it anew.'
    })
  const held = await chain.idAt(Number(height))
  if (held === undefined) {
    const startsAbove = chain.base().height > Number(height)
    if (!startsAbove || (await hasVoted(chain, genesis, set))) return
    throw new MeshError('JOIN_TRUST', 'the validators of the ticket never voted in this chain', { remedy })
  }
  if (toHex(held) === id) return
  throw new MeshError('JOIN_TRUST', `block ${height} of this chain is not the one that the ticket names`, {
    remedy,
    data: { height: Number(height), held: toHex(held), expected: id ?? null }
  })
}

const remedy =
  'Somebody leads this peer into another history. Ask several operators for a ticket, and join with a new folder.'

/** A chain that starts from a checkpoint has walked the sets up to there, and kept the proofs. */
const hasVoted = async (chain: ChainStore, genesis: Genesis, setHash: string): Promise<boolean> => {
  async function* held(epoch: number): AsyncGenerator<Uint8Array> {
    const proof = await setsProofAt(chain, epoch)
    if (proof !== undefined) yield proof
  }
  const wanted = digestOf(setHash)
  const isThere = (epochs: Epochs): boolean => epochs.seats(wanted)
  const mesh = { genesis, chainId: chainIdOf(genesis) }
  return (
    (await walkEpochs(
      mesh,
      isThere,
      held,
      async () => {},
      () => {}
    )) !== undefined
  )
}
