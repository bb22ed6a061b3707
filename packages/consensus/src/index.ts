export { createConsensus, fromGenesis } from './create.ts'
export { leaderOf } from './leader.ts'
export { signers, totalStake } from './quorum.ts'
export type { Slot, State } from './state.ts'
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
