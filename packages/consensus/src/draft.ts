/**
 * The one place where a step is imperative: a draft is a shallow copy of the state that the rules change
 * and collect effects in. Maps are copied when a draft opens and slots are replaced, never written, so the
 * state before stays what it was.
 */
import { emptySlot, type Slot, type State } from './state.ts'
import type { BlockId, BlockRef, Effect } from './types.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Draft extends Mutable<Omit<State, 'slots' | 'blocks'>> {
  readonly slots: Map<number, Slot>
  readonly blocks: Map<BlockId, BlockRef>
  readonly effects: Effect[]
}

export const openDraft = (state: State): Draft => ({
  ...state,
  slots: new Map(state.slots),
  blocks: new Map(state.blocks),
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
    timers: draft.timers,
    fetches: draft.fetches,
    answers: draft.answers
  },
  draft.effects
]

export const slotOf = (draft: Draft, slot: number): Slot =>
  draft.slots.get(slot) ?? emptySlot(slot, draft.highWaterSlot)

export const editSlot = (draft: Draft, slot: number, change: Partial<Slot>): void => {
  draft.slots.set(slot, { ...slotOf(draft, slot), ...change })
}
