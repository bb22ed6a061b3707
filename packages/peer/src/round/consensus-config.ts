/** What consensus is told of this mesh: the settings of an epoch, and a block without its contents. */

import type { BlockRef, ConsensusConfig } from '@gradmesh/consensus'
import { toHex } from '@gradmesh/core'
import { closesEpoch } from '@gradmesh/ledger'
import {
  type Block,
  type BlockHeader,
  BOUNDS,
  blockIdOf,
  chainIdOf,
  type EpochRules,
  type Genesis
} from '@gradmesh/wire'
import type { Epoch } from './epochs.ts'

/** The same for every mesh. */
export const votingTiming = {
  delayMs: { min: 150, max: 5000, start: 1000 },
  timeoutCapMs: 60_000,
  resendMs: 1000,
  syncAfterMs: 5000
} as const

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
  ...votingTiming
})

export const blockRef = ({ header, body }: Block, epochs: EpochRules): BlockRef => {
  const empty = body.attests.length === 0
  return {
    id: toHex(blockIdOf(header)),
    slot: header.slot,
    height: header.height,
    parentSlot: header.parentSlot,
    parentId: toHex(header.parentId),
    empty,
    boundary: !empty && closesEpoch(epochs, header.round)
  }
}
