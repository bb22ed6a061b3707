export { conserved, decodeAccounts, encodeAccounts, moneyOf, sumOf, unpackAccounts } from './accounts.ts'
export { applyBlock, outerRateOf } from './apply.ts'
export { type Assignment, assignRows } from './assignment.ts'
export { checkDeltaHeader, checkNamedDeltas, type HeldDeltas } from './deltas.ts'
export { closesEpoch, epochOf, isConvict } from './election.ts'
export type { LedgerFault } from './faults.ts'
export { type Forked, fork } from './fork.ts'
export { namedTrainers } from './named.ts'
export {
  leafDigests,
  provenSets,
  type SetsProof,
  setsProofOf,
  stateRoot,
  tensorDigest,
  treeRoot,
  updatedLeafDigests,
  verifyLeaf
} from './roots.ts'
export { decodeSets, encodeSets, genesisSets, keysOf, stakeOf } from './sets.ts'
export { atStake, convict, selectEvidence } from './slashing.ts'
export { checkpointFrame, forkedState, genesisState, restoreState } from './state.ts'
export { checkTransactions, type Ledgered, selectTransactions, TXS_PER_BLOCK_MAX } from './transactions.ts'
export type {
  Accounts,
  Conviction,
  Due,
  LedgerState,
  PackedAccounts,
  Receipt,
  Sets,
  TrainerAccount,
  ValidatorSeat,
  ValidatorSet
} from './types.ts'
export { validateBlock } from './validate.ts'
export { initialWeights, layoutOf } from './weights.ts'
