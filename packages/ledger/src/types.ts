/** The exact state: int32 weights, registry, stakes and rewards. Never a float, never a clock. */
import type { Digest, DigestList, List, PublicKey } from '@gradmesh/wire'

/** Money that comes free when a round opens. */
export interface Due {
  readonly round: number
  readonly amount: bigint
}

/** Its stake in the window's convictions, and the epoch in which it was convicted. */
export interface Conviction {
  readonly epoch: number
  readonly stake: bigint
}

export interface TrainerAccount {
  readonly key: PublicKey
  readonly label: string
  /** Height of the block that registered it; 0 for those in the genesis. */
  readonly since: number
  /** Deltas accepted so far. */
  readonly accepted: number
  /** Round of the newest accepted delta, -1 before the first. */
  readonly lastRound: number
  /** Stake transactions so far. */
  readonly nonce: number
  /** Free money. */
  readonly balance: bigint
  /** Money at stake. No less than what any set rests on, but for what was slashed. */
  readonly bond: bigint
  /** The part of the bond that was asked back; it stays at stake until no set rests on it. */
  readonly leaving: bigint
  /** Bonds given back, still slashable; oldest first, at most one an epoch. */
  readonly unbonding: readonly Due[]
  /** Rewards earned and not free yet; oldest first, one an epoch. */
  readonly vesting: readonly Due[]
  /** Lost by slashing so far. */
  readonly slashed: bigint
  readonly convicted: Conviction | null
  /** Rounds closed without an attestation of it, one after the other, while it was a validator. */
  readonly absent: number
}

/** A voter of an epoch. */
export interface ValidatorSeat {
  readonly key: PublicKey
  /** Its weight in every vote of the epoch, whatever happens to the bond meanwhile. */
  readonly stake: bigint
  /** Index into the registry. */
  readonly trainer: number
}

/** Who votes in an epoch, and who leads when; fixed two epochs ahead. Votes and bitmaps index `seats`. */
export interface ValidatorSet {
  readonly leaderSeed: Digest
  readonly seats: readonly ValidatorSeat[]
}

/** As it is read: whose key stands in it nobody has proven yet, so it stays as small as it came. */
export interface PackedSet extends Omit<ValidatorSet, 'seats'> {
  readonly seats: List<ValidatorSeat>
}

/** What a header proves about the sets of its epoch and the next, beside the rest of the state. */
export interface Sets {
  /** The epoch of the open round. */
  readonly epoch: number
  readonly running: ValidatorSet
  readonly next: ValidatorSet
}

/** Everything of the state but the weights; what a checkpoint carries whole. */
export interface Accounts extends Sets {
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
  /** The registry: genesis validators first, then by registration; bitmaps of deltas index this list. */
  readonly trainers: readonly TrainerAccount[]
  /** Money in all: equals balances, bonds, what is unbonding or vesting, and burnt, at every height. */
  readonly minted: bigint
  readonly burnt: bigint
}

export interface PackedSets extends Omit<Sets, 'running' | 'next'> {
  readonly running: PackedSet
  readonly next: PackedSet
}

/** As they are read. A state that goes on holds them unpacked, in some six times their bytes. */
export interface PackedAccounts extends Omit<Accounts, keyof Sets | 'trainers'>, PackedSets {
  readonly trainers: List<TrainerAccount>
}

export interface LedgerState {
  readonly accounts: Accounts
  /** Master weights, unit 2^-24, padded to chunks; never changed in place. */
  readonly weights: Int32Array
  /** One digest a 16 KiB leaf (one chunk) of `weights`. */
  readonly leaves: DigestList
  /** H over sets, accounts and leaves: what a child's header carries as `stateRoot`. */
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
