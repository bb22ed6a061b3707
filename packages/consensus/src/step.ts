/**
 * Stake-weighted Simplex as one pure function: what comes in is taken into a draft (`intake.ts`), then the
 * rules below look at the draft until they have nothing to add. README.md says why they are safe.
 */
import { fromHex, toHex } from '@gradmesh/core'
import { VoteKind } from '@gradmesh/wire'
import { advanceFrontier, bridges, endOfSlots, finalSlot, parentSlotOf, settledSlot } from './certificates.ts'
import { closeDraft, type Draft, editSlot, openDraft, slotOf } from './draft.ts'
import { isLinked, settleFinality } from './finality.ts'
import { takeIn } from './intake.ts'
import { propose } from './proposing.ts'
import type { Check, State, Timers } from './state.ts'
import { estimateDelayMs, timeoutMs } from './timing.ts'
import type { BlockId, BlockRef, Effect, Input, SlotFacts } from './types.ts'
import { repeat, wake } from './upkeep.ts'

/** The next state and what the driver has to do, in order. `nowMs` never goes back; if it does it counts as still. */
export const step = (state: State, nowMs: number, input: Input): [State, readonly Effect[]] => {
  if (state.broken) return [state, []]
  const draft = openDraft(state)
  const now = Math.max(Math.floor(nowMs), state.timers?.nowMs ?? 0)
  if (draft.timers === null) start(draft, now)
  draft.timers = { ...draft.timers!, nowMs: now }
  takeIn(draft, now, input)
  settleFinality(draft, now)
  if (advanceFrontier(draft) || draft.timers.deadlineMs === UNSET) enterSlot(draft, now)
  else extendSlot(draft, now)
  if (!draft.broken && !draft.ended) {
    vote(draft, now)
    propose(draft, now)
    repeat(draft, now)
    wake(draft, now)
  }
  return closeDraft(draft)
}

const UNSET = -1

const start = (draft: Draft, now: number): void => {
  draft.timers = {
    nowMs: now,
    enteredMs: now,
    deadlineMs: UNSET,
    roundIncluded: false,
    finalMs: now,
    resentMs: now,
    syncedMs: now,
    wakeMs: UNSET
  }
  draft.effects.push({ type: 'sync' })
}

// ---------------------------------------------------------------- the slot's timer

const currentTimeoutMs = (draft: Draft, parentFinal: boolean): number => {
  const sinceFinal = draft.frontier - settledSlot(draft) - 1
  return timeoutMs(estimateDelayMs(draft.delaySamples, draft.config), sinceFinal, parentFinal, draft.config)
}

const isParentFinal = (draft: Draft): boolean => parentSlotOf(draft, draft.frontier) === finalSlot(draft)

const enterSlot = (draft: Draft, now: number): void => {
  const roundIncluded = isParentFinal(draft)
  const deadlineMs = now + currentTimeoutMs(draft, roundIncluded)
  draft.timers = { ...(draft.timers as Timers), enteredMs: now, deadlineMs, roundIncluded }
}

/** The parent became final while nobody had proposed: from now on the leader may wait for a round to close. */
const extendSlot = (draft: Draft, now: number): void => {
  const timers = draft.timers as Timers
  if (timers.roundIncluded || slotOf(draft, draft.frontier).proposals.size > 0 || !isParentFinal(draft))
    return
  draft.timers = { ...timers, deadlineMs: now + currentTimeoutMs(draft, true), roundIncluded: true }
}

// ---------------------------------------------------------------- voting

const vote = (draft: Draft, now: number): void => {
  if (draft.config.self === null) return
  const end = endOfSlots(draft)
  for (let slot = settledSlot(draft) + 1; slot < Math.min(draft.frontier, end); slot++) voteFinal(draft, slot)
  if (draft.frontier >= end) return
  voteNotar(draft)
  voteSkip(draft, now)
}

/** FINAL(s,h): h is certified, we voted for it, and we neither skipped the slot nor finalised it before. */
const voteFinal = (draft: Draft, slot: number): void => {
  const { notar, facts, abstain } = slotOf(draft, slot)
  if (notar === null || abstain || facts.skip || facts.final !== null) return
  const id = toHex(notar.blockId)
  if (facts.notar === id) cast(draft, VoteKind.FINAL, { ...facts, final: id })
}

/** NOTAR(B): at the frontier, the first valid proposal whose parent and every gap are certified. */
const voteNotar = (draft: Draft): void => {
  const { proposals, facts, abstain } = slotOf(draft, draft.frontier)
  if (abstain || facts.notar !== null) return
  let next = proposals
  for (const [id, check] of proposals) {
    const asked = check === 'unasked' ? ask(draft, id) : check
    if (asked !== check) next = new Map(next).set(id, asked)
  }
  if (next !== proposals) editSlot(draft, draft.frontier, { proposals: next })
  for (const [id, check] of next) {
    if (check !== 'valid' || !isReady(draft, draft.blocks.get(id)!)) continue
    cast(draft, VoteKind.NOTAR, { ...facts, notar: id })
    break
  }
}

/** What we can say of a proposal by ourselves: wrong, not yet to be judged, or ripe for the driver's check. */
const ask = (draft: Draft, id: BlockId): Check => {
  const block = draft.blocks.get(id)!
  if (block.parentSlot < finalSlot(draft)) return 'invalid'
  if (!isReady(draft, block)) return 'unasked'
  const parent = draft.blocks.get(block.parentId) ?? draft.final
  if (block.height !== parent.height + 1) return 'invalid'
  draft.effects.push({ type: 'validate', id })
  return 'asked'
}

const isReady = (draft: Draft, { parentSlot, parentId, slot, empty }: BlockRef): boolean =>
  bridges(draft, parentSlot, parentId, slot) &&
  (parentId === draft.final.id || (empty && isLinked(draft, parentId, parentSlot)))

/** SKIP(s): at the frontier, when time is up or the leader is known not to deliver; never after FINAL. */
const voteSkip = (draft: Draft, now: number): void => {
  const { facts, abstain } = slotOf(draft, draft.frontier)
  if (abstain || facts.skip || facts.final !== null) return
  const hopeless = facts.notar === null && leaderGaveUp(draft)
  if (hopeless || now >= draft.timers!.deadlineMs) cast(draft, VoteKind.SKIP, { ...facts, skip: true })
}

const leaderGaveUp = (draft: Draft): boolean => {
  const { ballots, proposals } = slotOf(draft, draft.frontier)
  if ([...proposals.values()].includes('invalid')) return true
  return Boolean(ballots.get(draft.leader)?.skip)
}

const cast = (draft: Draft, kind: VoteKind, facts: SlotFacts): void => {
  const { slot, notar, final } = facts
  const blockId =
    kind === VoteKind.SKIP ? new Uint8Array(32) : fromHex((kind === VoteKind.NOTAR ? notar : final)!)!
  editSlot(draft, slot, { facts })
  draft.effects.push({ type: 'vote', vote: { epoch: draft.config.epoch, slot, kind, blockId }, facts })
}
