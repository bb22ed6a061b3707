/** The consensus settings that follow from a genesis, for the peer with this validator index. */

import type { ConsensusConfig } from '@gradmesh/consensus'
import { toHex } from '@gradmesh/core'
import { chainIdOf, type Genesis } from '@gradmesh/wire'

export const consensusConfig = (genesis: Genesis, self: number | null): ConsensusConfig => ({
  epoch: 0,
  validators: genesis.validators,
  self,
  leaderSeed: genesis.seed,
  genesisId: toHex(chainIdOf(genesis)),
  roundDeadlineMs: genesis.timing.roundDeadlineMs,
  delayMs: { min: 150, max: 5000, start: 1000 },
  timeoutCapMs: 60_000,
  resendMs: 1000,
  syncAfterMs: 5000
})
