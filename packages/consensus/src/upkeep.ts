/** What is repeated or asked until it is answered, each at its own bounded rate. */
import { toHex } from '@gradmesh/core'
import type { Certificate } from '@gradmesh/wire'
import { certifiedIn, finalSlot, settledSlot } from './certificates.ts'
import { type Draft, slotOf } from './draft.ts'
import { ancestry } from './finality.ts'
import { leaderOf } from './leader.ts'
import { proposeAtMs } from './proposing.ts'
import type { BlockId } from './types.ts'

/** Own votes are repeated for the frontier and this many slots below it that are not final. */
const RESEND_BELOW = 3
/** Answers to one validator in one `resendMs`. */
const ANSWERS_MAX = 4
/** Missing blocks asked for at once; sync brings longer chains. */
const FETCHES_MAX = 8

export const repeat = (draft: Draft, now: number): void => {
  resend(draft, now)
  fetch(draft, now)
  const overdue = draft.timers!.finalMs + draft.config.syncAfterMs
  if (now >= overdue || finalSlot(draft) > draft.final.slot + FETCHES_MAX) askForSync(draft, now)
}

export const askForSync = (draft: Draft, now: number): void => {
  const timers = draft.timers!
  if (now < timers.syncedMs + draft.config.syncAfterMs) return
  draft.timers = { ...timers, syncedMs: now }
  draft.effects.push({ type: 'sync' })
}

/** Tells a validator that a slot it still votes in is over, a few times a `resendMs` at most. */
export const answer = (
  draft: Draft,
  now: number,
  validator: number,
  certificate: Certificate | undefined
): void => {
  if (certificate === undefined || draft.config.self === null || validator === draft.config.self) return
  const given = draft.answers.get(validator)
  const fresh = given !== undefined && now < given.sinceMs + draft.config.resendMs
  const next = fresh ? { ...given, count: given.count + 1 } : { sinceMs: now, count: 1 }
  if (next.count > ANSWERS_MAX) return
  draft.answers = new Map(draft.answers).set(validator, next)
  draft.effects.push({ type: 'answer', validator, certificate })
}

const resendAtMs = ({ timers, config }: Draft): number =>
  Math.max(timers!.resentMs, timers!.enteredMs) + config.resendMs

const resend = (draft: Draft, now: number): void => {
  if (draft.config.self === null || now < resendAtMs(draft)) return
  draft.timers = { ...draft.timers!, resentMs: now }
  const lowest = Math.max(settledSlot(draft) + 1, draft.frontier - RESEND_BELOW)
  for (let slot = draft.frontier; slot >= lowest; slot--) {
    const { facts, proposals } = slotOf(draft, slot)
    const voted = facts.notar !== null || facts.skip || facts.final !== null
    const led = proposals.size > 0 && leaderOf(draft.config, slot) === draft.config.self
    if (voted || led) draft.effects.push({ type: 'resend', slot })
  }
}

/** Certified blocks and their ancestors that nobody gave us yet. */
const missing = (draft: Draft): Map<BlockId, number> => {
  const found = new Map<BlockId, number>()
  const { topFinal } = draft
  const look = (id: BlockId, slot: number) => {
    const gap = ancestry(draft, id, slot).missing
    if (gap !== null && found.size < FETCHES_MAX) found.set(gap.id, gap.slot)
  }
  if (topFinal !== null && topFinal.slot > draft.final.slot) look(toHex(topFinal.blockId), topFinal.slot)
  for (let slot = settledSlot(draft) + 1; slot < draft.frontier; slot++) {
    const id = certifiedIn(draft, slot)
    if (id !== undefined) look(id, slot)
  }
  return found
}

const fetch = (draft: Draft, now: number): void => {
  const gaps = missing(draft)
  if (gaps.size === 0 && draft.fetches.size === 0) return
  const fetches = new Map<BlockId, number>()
  for (const [id, slot] of gaps) {
    const asked = draft.fetches.get(id)
    const due = asked === undefined || now >= asked + draft.config.resendMs
    if (due) draft.effects.push({ type: 'fetch', id, slot })
    fetches.set(id, due ? now : asked)
  }
  draft.fetches = fetches
}

/** Asks for a tick at the next moment at which time alone changes something. */
export const wake = (draft: Draft, now: number): void => {
  const { config } = draft
  const { facts, abstain } = slotOf(draft, draft.frontier)
  const timers = draft.timers!
  const moments = [Math.max(timers.finalMs, timers.syncedMs) + config.syncAfterMs]
  for (const asked of draft.fetches.values()) moments.push(asked + config.resendMs)
  if (config.self !== null) {
    moments.push(resendAtMs(draft))
    const proposeMs = proposeAtMs(draft)
    if (proposeMs !== undefined) moments.push(proposeMs)
    if (!abstain && !facts.skip && facts.final === null) moments.push(timers.deadlineMs)
  }
  const atMs = Math.min(...moments.filter(moment => moment > now))
  if (atMs === timers.wakeMs) return
  draft.timers = { ...timers, wakeMs: atMs }
  draft.effects.push({ type: 'wake', atMs })
}
