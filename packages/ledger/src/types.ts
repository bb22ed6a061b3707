/** The exact state: int32 weights, registry, stakes and rewards. Never a float, never a clock. */
import type { Digest, PublicKey } from '@gradmesh/wire'

export interface TrainerAccount {
  readonly key: PublicKey
  readonly label: string
  /** Height of the block that registered it; 0 for those in the genesis. */
  readonly since: number
  /** Deltas accepted so far. */
  readonly accepted: number
  /** Round of the newest accepted delta, -1 before the first. */
  readonly lastRound: number
  /** Rewards earned, money. */
  readonly balance: bigint
}

export interface ValidatorAccount {
  readonly key: PublicKey
  readonly stake: bigint
  readonly slashed: bigint
}

/** Everything of the state but the weights; what a checkpoint carries whole. */
export interface Accounts {
  /**
   * Height of the block that closed the newest round, 0 in the genesis. An empty block leaves the state
   * exactly as it is, this field and so the root included: deltas are bound to the root, and an empty
   * block between two rounds must not invalidate those already trained. (The height of the chain is in
   * the headers: `validateBlock` counts from the parent's header.)
   */
  readonly height: number
  /** The round that is open: deltas for it are due. */
  readonly round: number
  /** Position in the sample permutation, moved on by every closed round. */
  readonly cursor: bigint
  readonly transcriptRoot: Digest
  /** In registry order: genesis validators first, then by registration; bitmaps index this list. */
  readonly trainers: readonly TrainerAccount[]
  readonly validators: readonly ValidatorAccount[]
  /** Money in all: equals stakes + balances + burnt, at every height. */
  readonly minted: bigint
  readonly burnt: bigint
}

export interface LedgerState {
  readonly accounts: Accounts
  /** Master weights, unit 2^-24, padded to chunks; never changed in place. */
  readonly weights: Int32Array
  /** One digest a 16 KiB leaf (one chunk) of `weights`. */
  readonly leaves: readonly Digest[]
  /** H over accounts and leaves: what a child's header carries as `stateRoot`. */
  readonly root: Digest
}

/** Why a delta counted or did not, for its author to read. */
export interface Receipt {
  readonly digest: Digest
  readonly trainer: number
  readonly key: PublicKey
  readonly round: number
  readonly height: number
  readonly steps: number
  /** Share of the round's total weight, unit 2^-16. */
  readonly weightQ16: number
  readonly reward: bigint
}
