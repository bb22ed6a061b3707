/** Forgets in good time what nobody will ask for again, so that neither database grows with what was refused. */
import { equalBytes } from '@gradmesh/core'
import type { Context } from '../context.ts'
import { keptBlocks } from '../options.ts'
import type { FinalPoint } from './ledger.ts'
import { provenSuccessor } from './proven.ts'

/** Slots below the final one whose votes are kept; no vote is ever cast there again. */
const SLOTS_KEPT = 64
/** Closed rounds whose refused deltas and own seals are kept. */
const ROUNDS_KEPT = 64
const PRUNED = 'pruned-rounds'

/**
 * Own votes, seals and blocks far below the final slot; deltas of long closed rounds that no block named; and what
 * lies below the blocks that this peer keeps.
 */
export const prune = async (context: Context, final: FinalPoint): Promise<void> => {
  const { chain, safety } = context
  await pruneFinal(context, final)
  const slot = Math.max(0, final.slot - SLOTS_KEPT)
  const round = Math.max(0, final.accounts.round - ROUNDS_KEPT)
  if (slot > 0) await safety.prune({ slot, round })
  const pruned = readRound(await chain.meta(PRUNED))
  if (round <= pruned) return
  await chain.pruneDeltas(round, pruned)
  await chain.putMeta(PRUNED, roundBytes(round))
}

/**
 * Never above the older of two checkpoints of which one can be proven: from there this peer starts again and others
 * join, whatever the operator asked for.
 */
const pruneFinal = async ({ chain, options, keys }: Context, { height }: FinalPoint): Promise<void> => {
  const keepBlocks = keptBlocks(options)
  const checkpoints = await chain.checkpointHeights()
  const oldest = checkpoints.at(-1)
  if (keepBlocks === null || oldest === undefined || checkpoints.length < 2) return
  const base = Math.min(height - keepBlocks, oldest)
  if (base <= 0) return
  const proofs = await Promise.all(checkpoints.map(at => provenSuccessor(chain, at)))
  if (proofs.every(proof => proof === undefined)) return
  await chain.prune(Math.max(base, chain.base().height), ({ key }) => equalBytes(key, keys.publicKey))
}

const readRound = (bytes: Uint8Array | undefined): number =>
  bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0

const roundBytes = (round: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, round)
  return bytes
}
