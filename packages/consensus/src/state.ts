/**
 * What a peer knows between two inputs. A state is never changed: `step` makes the next one.
 *
 * Memory is bounded: slots are kept from `SLOTS_BELOW_FINAL` below the final slot, for late
 * contradictions, to `SLOTS_AHEAD` above the frontier; a slot holds at most one vote of each kind per
 * validator and `BLOCKS_PER_SLOT` proposals, besides those that a certificate asks for. Between the final
 * slot and the frontier every slot stands for a quorum's certificate, so no minority can make them many.
 */
import type { Certificate, Vote } from '@gradmesh/wire'
import type { BlockId, BlockRef, ConsensusConfig, SlotFacts } from './types.ts'

export const SLOTS_BELOW_FINAL = 8
export const SLOTS_AHEAD = 32
/** Two already prove that a leader is faulty. */
export const BLOCKS_PER_SLOT = 2

/** One validator's votes in one slot; the first of each kind counts. */
export interface Ballot {
  readonly notar: Vote | null
  readonly skip: Vote | null
  readonly final: Vote | null
  /** A contradiction was reported already. */
  readonly accused: boolean
}

export type Check = 'unasked' | 'asked' | 'valid' | 'invalid'

export interface Slot {
  readonly ballots: ReadonlyMap<number, Ballot>
  readonly notar: Certificate | null
  readonly skip: Certificate | null
  readonly final: Certificate | null
  /** Proposals in the order in which they came, and what their checks said. */
  readonly proposals: ReadonlyMap<BlockId, Check>
  readonly firstProposalMs: number | null
  readonly facts: SlotFacts
  /** Our record of this slot may be lost, so we cast no vote in it. */
  readonly abstain: boolean
}

export interface State {
  readonly config: ConsensusConfig
  readonly totalStake: bigint
  /** The newest block that was given out as final, and its certificate (null: genesis). */
  readonly final: BlockRef
  readonly finalCertificate: Certificate | null
  /** The highest FINAL certificate seen: at or above `final` where blocks are still missing. */
  readonly topFinal: Certificate | null
  /** The lowest slot with no NOTAR or SKIP certificate and no FINAL certificate at or above. */
  readonly frontier: number
  /** Who leads the frontier slot. */
  readonly leader: number
  readonly highWaterSlot: number
  readonly slots: ReadonlyMap<number, Slot>
  /** Blocks above the final one. */
  readonly blocks: ReadonlyMap<BlockId, BlockRef>
  /** Durations from proposal to certificate, newest last. */
  readonly delaySamples: readonly number[]
  /** Highest slot for which we were told to propose. */
  readonly proposedSlot: number
  readonly broken: boolean
  /** The boundary is final: from here on this state only answers those who still vote below it. */
  readonly ended: boolean
  /** Null until the first input. */
  readonly timers: Timers | null
  /** When each missing block was last asked for. */
  readonly fetches: ReadonlyMap<BlockId, number>
  /** Answers given to each validator in the current `resendMs`. */
  readonly answers: ReadonlyMap<number, { readonly sinceMs: number; readonly count: number }>
}

export interface Timers {
  readonly nowMs: number
  /** When the frontier slot began, when it times out, and whether that includes `roundDeadlineMs`. */
  readonly enteredMs: number
  readonly deadlineMs: number
  readonly roundIncluded: boolean
  readonly finalMs: number
  readonly resentMs: number
  readonly syncedMs: number
  readonly wakeMs: number
}

const NO_BALLOTS: Slot['ballots'] = new Map()
const NO_PROPOSALS: Slot['proposals'] = new Map()

/** A slot of which nothing is known. Below the high-water mark that means: our record is lost. */
export const emptySlot = (slot: number, highWaterSlot: number): Slot => ({
  ballots: NO_BALLOTS,
  notar: null,
  skip: null,
  final: null,
  proposals: NO_PROPOSALS,
  firstProposalMs: null,
  facts: { slot, notar: null, skip: false, final: null },
  abstain: slot <= highWaterSlot
})
