/**
 * What goes into and comes out of the pure step: enough to write a driver from this file alone.
 * Ids are lower-case hexadecimal so that they can be map keys. Time is `nowMs`, milliseconds of a
 * clock that only goes forward; it comes with every input and fractions are dropped.
 */
import type { Certificate, Digest, PublicKey, Vote, VoteBody } from '@gradmesh/wire'

export type BlockId = string

export interface Validator {
  readonly key: PublicKey
  readonly stake: bigint
}

export interface ConsensusConfig {
  readonly epoch: number
  /** The first slot of the epoch: those between it and the block that the epoch starts from do not exist. */
  readonly firstSlot: number
  /** In any order; the leader lottery sorts by key itself. Votes and bitmaps index this list. */
  readonly validators: readonly Validator[]
  /** Index into `validators`, or null for a peer that only follows: it never votes, proposes or resends. */
  readonly self: number | null
  /** Seed of the leader lottery of this epoch. */
  readonly leaderSeed: Digest
  /** The genesis block counts as final at slot 0, height 0. */
  readonly genesisId: BlockId
  readonly roundDeadlineMs: number
  /** Bounds and start of the estimate of the time from a proposal to its certificate. */
  readonly delayMs: { readonly min: number; readonly max: number; readonly start: number }
  /** Bounds the growing part of a timeout, so that a round longer than it can still close. */
  readonly timeoutCapMs: number
  /** How often own votes near the frontier are repeated while nothing moves. */
  readonly resendMs: number
  /** After so long without a new final block, ask others how far they are; at most once in such a time. */
  readonly syncAfterMs: number
}

/** A proposal as far as voting needs to know it; its leader (`leaderOf`) and signature have been checked. */
export interface BlockRef {
  readonly id: BlockId
  readonly slot: number
  readonly height: number
  readonly parentSlot: number
  readonly parentId: BlockId
  /** No attestations: it does not advance the round. */
  readonly empty: boolean
  /** It closes the epoch's last round. Once final it ends this state: nothing above it becomes final here. */
  readonly boundary: boolean
}

/** What `safety/` remembers of one slot. */
export interface SlotFacts {
  readonly slot: number
  readonly notar: BlockId | null
  readonly skip: boolean
  readonly final: BlockId | null
}

/** What a peer starts from: genesis (`fromGenesis`), or what its disk holds. */
export interface Restored {
  /** Every durable record above the final slot (records below are ignored). */
  readonly facts: readonly SlotFacts[]
  /** The newest final block, null for genesis. An epoch starts from the boundary of the one before. */
  readonly finalBlock: BlockRef | null
  /** The FINAL certificate of exactly that block in this epoch; null for what the epoch starts from. */
  readonly finalCertificate: Certificate | null
  /** The highest slot ever voted in, 0 if none. Where a record at or below it is missing, no vote is cast. */
  readonly highWaterSlot: number
  /** Known blocks above the final one, in any order. */
  readonly blocks: readonly BlockRef[]
  /** Known certificates above the final block, in any order. */
  readonly certificates: readonly Certificate[]
}

/**
 * Signatures, also each one inside a certificate, have been checked at the door. Weights, indices and
 * slots have not: the step checks these itself, and input that makes no sense changes nothing.
 */
export type Input =
  /**
   * Time passed. Feed one when a `wake` says so (or simply every 50 ms). The first input after the
   * start starts the clocks, so make it a `tick`.
   */
  | { readonly type: 'tick' }
  /**
   * A proposal, from gossip, `fetch`, sync, or of our own: after a `propose` the driver builds the block,
   * makes it durable, publishes it and feeds it here like any other.
   */
  | { readonly type: 'block'; readonly block: BlockRef }
  /**
   * The answer to a `validate`. `valid: true` promises that the block and every payload it names are
   * held and durable, and that its roots and rules are right. While payloads are missing, do not answer.
   */
  | { readonly type: 'verdict'; readonly id: BlockId; readonly valid: boolean }
  /**
   * Anybody's vote. Own votes too: right after the effect `vote` made one durable, and at the start
   * every stored own vote above the final slot.
   */
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /**
   * The driver learnt final blocks by sync: it has verified, stored and *applied* them up to and with this one.
   * No `finalise` follows for them. `certificate` is the FINAL of exactly this block. At or below
   * the own final slot it changes nothing.
   */
  | { readonly type: 'final'; readonly block: BlockRef; readonly certificate: Certificate }

/** Ordered: the driver finishes each before it starts the next, also across steps. */
export type Effect =
  /**
   * Sign `vote`; store the signed bytes, `facts` (replacing the slot's record) and the high-water slot
   * with one fsync; only then publish, and feed the signed vote back as input. Anything stored by
   * earlier effects must be durable no later than this (one database, or one batch): a vote may rest
   * on certificates that came before it.
   */
  | { readonly type: 'vote'; readonly vote: VoteBody; readonly facts: SlotFacts }
  /**
   * Publish again, byte for byte, what this peer stored of `slot`: its votes and, if it led the slot,
   * its block. Nothing stored: do nothing. Never sign anew.
   */
  | { readonly type: 'resend'; readonly slot: number }
  /** New to us, formed or received: store it (no fsync of its own needed) and publish it once. */
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /**
   * Check this proposal and answer with a `verdict`. Asked once a block. All its ancestors down to the
   * final block have come in as `block`; if it is not empty, its parent is final and was in a `finalise`
   * (or `final`) before this effect. If it is empty its parent may be not yet final, even non-empty,
   * and the check of its roots must then execute the parent speculatively.
   */
  | { readonly type: 'validate'; readonly id: BlockId }
  /**
   * I lead this slot: build a child of the given parent. Emitted at most once a slot between two starts.
   * `empty: true`: at once, without attestations. `empty: false`: the parent is final; build when the round
   * can close. The order lapses when `state.frontier` is no longer `slot`: look before signing.
   * One block a slot, for ever: make the block durable before publishing; if a block of ours for this
   * slot is already stored (a crash came between), publish and feed that one and sign nothing.
   */
  | {
      readonly type: 'propose'
      readonly slot: number
      readonly parentSlot: number
      readonly parentId: BlockId
      readonly empty: boolean
    }
  /** Certified, or an ancestor of it, but unknown: ask peers for it and feed it as `block`. Repeated while missing. */
  | { readonly type: 'fetch'; readonly id: BlockId; readonly slot: number }
  /**
   * Final now, oldest first, never empty; the certificate covers them all. Apply in order. It is the FINAL of the
   * last, unless that is a boundary: then it may be that of an empty descendant which is not part of the chain.
   */
  | { readonly type: 'finalise'; readonly blocks: readonly BlockRef[]; readonly certificate: Certificate }
  /** Ask peers how far they are (`SyncRequest`) and feed what comes: `final`, `block`, `certificate`, `vote`. */
  | { readonly type: 'sync' }
  /** That validator voted in a slot that is over here: send it the certificate that ended the slot, directly. */
  | { readonly type: 'answer'; readonly validator: number; readonly certificate: Certificate }
  /** One validator signed both: put them in the next block of ours. Once a validator and slot. */
  | { readonly type: 'evidence'; readonly first: Vote; readonly second: Vote }
  /**
   * Two certificates that exclude each other: more than a third of the stake is faulty. From here on
   * this state casts no vote and finalises nothing; tell the operator and stop.
   */
  | { readonly type: 'broken'; readonly first: Certificate; readonly second: Certificate }
  /** Feed a `tick` at this time. Replaces the last `wake`; once a timer fired it stays off until the next. */
  | { readonly type: 'wake'; readonly atMs: number }
