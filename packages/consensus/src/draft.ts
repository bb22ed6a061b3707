/**
 * The one place where a step is imperative: a draft is a shallow copy of the state that the rules change
 * and collect effects in. The maps of slots and blocks are copied at the first change, for most inputs change
 * neither, and slots are replaced, never written: the state before stays what it was.
 */
import { emptySlot, type Slot, type State } from './state.ts'
import type { BlockId, BlockRef, Effect } from './types.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Draft extends Mutable<State> {
  /** What the draft was opened on. */
  readonly before: State
  readonly effects: Effect[]
}

/** Field by field, as in `closeDraft`. */
export const openDraft = (before: State): Draft => ({
  config: before.config,
  totalStake: before.totalStake,
  final: before.final,
  finalCertificate: before.finalCertificate,
  topFinal: before.topFinal,
  frontier: before.frontier,
  leader: before.leader,
  highWaterSlot: before.highWaterSlot,
  slots: before.slots,
  blocks: before.blocks,
  delaySamples: before.delaySamples,
  proposedSlot: before.proposedSlot,
  ended: before.ended,
  broken: before.broken,
  timers: before.timers,
  fetches: before.fetches,
  answers: before.answers,
  before,
  effects: []
})

/** Field by field: a rest pattern here cost a quarter of the whole simulation. */
export const closeDraft = (draft: Draft): [State, readonly Effect[]] => [
  {
    config: draft.config,
    totalStake: draft.totalStake,
    final: draft.final,
    finalCertificate: draft.finalCertificate,
    topFinal: draft.topFinal,
    frontier: draft.frontier,
    leader: draft.leader,
    highWaterSlot: draft.highWaterSlot,
    slots: draft.slots,
    blocks: draft.blocks,
    delaySamples: draft.delaySamples,
    proposedSlot: draft.proposedSlot,
    broken: draft.broken,
    ended: draft.ended,
    timers: draft.timers,
    fetches: draft.fetches,
    answers: draft.answers
  },
  draft.effects
]

export const slotOf = (draft: Draft, slot: number): Slot =>
  draft.slots.get(slot) ?? emptySlot(slot, draft.highWaterSlot)

export const editSlot = (draft: Draft, slot: number, change: Partial<Slot>): void => {
  ownSlots(draft).set(slot, { ...slotOf(draft, slot), ...change })
}

/** The map of slots as one that may be written. */
export const ownSlots = (draft: Draft): Map<number, Slot> => {
  if (draft.slots === draft.before.slots) draft.slots = new Map(draft.slots)
  return draft.slots as Map<number, Slot>
}

/** The map of blocks as one that may be written. */
export const ownBlocks = (draft: Draft): Map<BlockId, BlockRef> => {
  if (draft.blocks === draft.before.blocks) draft.blocks = new Map(draft.blocks)
  return draft.blocks as Map<BlockId, BlockRef>
}
