/** Forgets in good time what nobody will ask for again, so that neither database grows with what was refused. */
import type { Context } from '../context.ts'
import type { FinalPoint } from './ledger.ts'

/** Slots below the final one whose votes are kept; no vote is ever cast there again. */
const SLOTS_KEPT = 64
/** Closed rounds whose refused deltas and own seals are kept. */
const ROUNDS_KEPT = 64
const PRUNED = 'pruned-rounds'

/** Own votes, seals and blocks far below the final slot; deltas of long closed rounds that no block named. */
export const prune = async ({ chain, safety }: Context, final: FinalPoint): Promise<void> => {
  const slot = Math.max(0, final.slot - SLOTS_KEPT)
  const round = Math.max(0, final.accounts.round - ROUNDS_KEPT)
  if (slot > 0) await safety.prune({ slot, round })
  const pruned = readRound(await chain.meta(PRUNED))
  if (round <= pruned) return
  await chain.pruneDeltas(round, pruned)
  await chain.putMeta(PRUNED, roundBytes(round))
}

const readRound = (bytes: Uint8Array | undefined): number =>
  bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0

const roundBytes = (round: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, round)
  return bytes
}
