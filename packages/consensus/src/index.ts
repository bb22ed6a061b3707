export { createConsensus, fromGenesis } from './create.ts'
export { leaderOf } from './leader.ts'
export { signers, totalStake } from './quorum.ts'
export { BLOCKS_PER_SLOT, SLOTS_AHEAD, SLOTS_BELOW_FINAL, type Slot, type State } from './state.ts'
export { step } from './step.ts'
export type {
  BlockId,
  BlockRef,
  ConsensusConfig,
  Effect,
  Input,
  Restored,
  SlotFacts,
  Validator
} from './types.ts'
