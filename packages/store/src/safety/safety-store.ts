/** What may be promised, and read back after a restart. */
import type { VoteKind } from '@gradmesh/wire'
import type { SlotFacts } from './entry.ts'

export interface OwnVote {
  readonly slot: number
  readonly kind: VoteKind
  /** Exactly what was published: send these again, never sign anew. */
  readonly bytes: Uint8Array
}

export interface FinalHead {
  readonly height: number
  readonly id: Uint8Array
}

export interface SafetyStore {
  /** The public key that signs from here. */
  readonly key: Uint8Array
  /**
   * Durable when it resolves; publish after that. `facts` are those of the slot with this vote,
   * `voteBytes` the signed vote. The same vote again changes nothing and resolves.
   * Codes: STORE_SAFETY_CONFLICT, STORE_SAFETY_BELOW, STORE_SAFETY_STOPPED.
   */
  recordVote(facts: SlotFacts, voteBytes: Uint8Array): Promise<void>
  /** Own votes of `slot` and above, by slot. */
  votesFrom(slot: number): Promise<OwnVote[]>
  factsFrom(slot: number): Promise<SlotFacts[]>
  /** The highest slot with a vote, -1 before the first. */
  highWaterSlot(): number
  /** One block a slot for ever. Codes as `recordVote`. */
  recordOwnBlock(slot: number, id: Uint8Array, bytes: Uint8Array): Promise<void>
  /** `bytes` are null when a crash left the id alone: that slot has a block, and nobody will ever see it. */
  ownBlock(slot: number): Promise<{ readonly id: Uint8Array; readonly bytes: Uint8Array | null } | undefined>
  /** The newest final block; call it after the chain has it. Lower heights change nothing. */
  recordFinal(height: number, id: Uint8Array): Promise<void>
  final(): Promise<FinalHead | undefined>
  /** One delta a round: resend these bytes after a restart. Codes as `recordVote`. */
  recordSeal(round: number, digest: Uint8Array, bytes: Uint8Array): Promise<void>
  /** `bytes` is null when a crash left the digest alone: no other delta of that round can be recorded. */
  seal(round: number): Promise<{ readonly digest: Uint8Array; readonly bytes: Uint8Array | null } | undefined>
  /** Forgets everything below; from then on nothing below can be recorded. Bounds only rise. */
  prune(bounds: { readonly slot: number; readonly round: number }): Promise<void>
  close(): Promise<void>
}
