/** The consensus settings of an epoch, from the genesis and the epoch's set. */

import type { ConsensusConfig } from '@gradmesh/consensus'
import { toHex } from '@gradmesh/core'
import { type BlockHeader, BOUNDS, chainIdOf, type Genesis } from '@gradmesh/wire'
import type { Epoch } from './epochs.ts'

/** `final`: the newest final block, null for the genesis; where it is the boundary before, the epoch starts there. */
export const consensusConfig = (
  genesis: Genesis,
  { number, seats, self, leaderSeed }: Epoch,
  final: BlockHeader | null
): ConsensusConfig => ({
  epoch: number,
  firstSlot: final !== null && final.epoch < number ? final.slot + BOUNDS.slotsBetweenEpochs : 1,
  validators: seats,
  self,
  leaderSeed,
  genesisId: toHex(chainIdOf(genesis)),
  roundDeadlineMs: genesis.timing.roundDeadlineMs,
  delayMs: { min: 150, max: 5000, start: 1000 },
  timeoutCapMs: 60_000,
  resendMs: 1000,
  syncAfterMs: 5000
})
