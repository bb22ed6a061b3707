/** What goes into and comes out of the pure step. Ids are lower-case hexadecimal so that they can be map keys. */
import type { Certificate, Digest, PublicKey, Vote, VoteBody } from '@gradmesh/wire'

export type BlockId = string

export interface Validator {
  readonly key: PublicKey
  readonly stake: bigint
}

export interface ConsensusConfig {
  readonly epoch: number
  readonly validators: readonly Validator[]
  /** Index into `validators`, or null for a peer that only follows. */
  readonly self: number | null
  /** Seed of the leader lottery of this epoch. */
  readonly leaderSeed: Digest
  readonly genesisId: BlockId
  readonly roundDeadlineMs: number
  /** Bounds and start of the estimate of one network delay. */
  readonly delayMs: { readonly min: number; readonly max: number; readonly start: number }
  readonly timeoutCapMs: number
  /** How often own votes of the frontier slot are repeated while nothing moves. */
  readonly resendMs: number
  /** After so long without a FINAL, ask others how far they are. */
  readonly syncAfterMs: number
}

/** A proposal as far as voting needs to know it; its leader's signature has been checked. */
export interface BlockRef {
  readonly id: BlockId
  readonly slot: number
  readonly height: number
  readonly parentSlot: number
  readonly parentId: BlockId
  /** No attestations: it does not advance the round. */
  readonly empty: boolean
}

/** What `safety/` remembers of one slot. */
export interface SlotFacts {
  readonly slot: number
  readonly notar: BlockId | null
  readonly skip: boolean
  readonly final: BlockId | null
}

/** Signatures of everything that comes in have been checked at the door. */
export type Input =
  | { readonly type: 'tick' }
  | { readonly type: 'block'; readonly block: BlockRef }
  /** The answer to a `validate` effect: payloads held and durable, roots and rules right (or not). */
  | { readonly type: 'verdict'; readonly id: BlockId; readonly valid: boolean }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** The driver learnt final blocks by sync: jump ahead. */
  | { readonly type: 'final'; readonly block: BlockRef; readonly certificate: Certificate }

/**
 * Ordered: the driver finishes each before it starts the next.
 * `vote`: persist (fsync), sign, publish, and feed the signed vote back as an input.
 */
export type Effect =
  | { readonly type: 'vote'; readonly vote: VoteBody; readonly facts: SlotFacts }
  /** Publish these again: others may have missed them. */
  | { readonly type: 'resend'; readonly slot: number }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** Check a proposal whose parent and gaps are certified; answer with a `verdict`. */
  | { readonly type: 'validate'; readonly id: BlockId }
  /** I lead this slot. Empty blocks go out at once; others when the round can close. */
  | { readonly type: 'propose'; readonly slot: number; readonly parentSlot: number; readonly parentId: BlockId; readonly empty: boolean }
  /** Certified but unknown: ask the peers for it. */
  | { readonly type: 'fetch'; readonly id: BlockId; readonly slot: number }
  /** Final now, oldest first; the certificate covers the last and so its ancestors. */
  | { readonly type: 'finalise'; readonly blocks: readonly BlockRef[]; readonly certificate: Certificate }
  | { readonly type: 'sync' }
  | { readonly type: 'answer'; readonly validator: number; readonly certificate: Certificate }
  | { readonly type: 'evidence'; readonly first: Vote; readonly second: Vote }
  | { readonly type: 'wake'; readonly atMs: number }
