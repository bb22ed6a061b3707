/** When and on what a leader builds. */
import { certifiedIn, endOfSlots, parentSlotOf } from './certificates.ts'
import { type Draft, slotOf } from './draft.ts'
import { isLinked } from './finality.ts'
import { areQuorum } from './quorum.ts'
import { estimateDelayMs } from './timing.ts'

/**
 * Once a slot. On a final parent: a block that closes a round. Else an empty one, but not before the parent
 * had Δ to become final, so that in the good case every slot carries a round.
 */
export const propose = (draft: Draft, now: number): void => {
  const atMs = proposeAtMs(draft)
  if (atMs === undefined || now < atMs) return
  const slot = draft.frontier
  const parentSlot = parentSlotOf(draft, slot)!
  const parentId = certifiedIn(draft, parentSlot)!
  draft.proposedSlot = slot
  draft.effects.push({ type: 'propose', slot, parentSlot, parentId, empty: parentId !== draft.final.id })
}

/** From when on the frontier's block is due from us; undefined when it is not ours or cannot be built. */
export const proposeAtMs = (draft: Draft): number | undefined => {
  const { frontier: slot, config, timers } = draft
  if (config.self === null || draft.proposedSlot === slot || draft.leader !== config.self) return undefined
  const { abstain, facts } = slotOf(draft, slot)
  if (abstain || facts.skip || slot >= endOfSlots(draft)) return undefined
  const parentSlot = parentSlotOf(draft, slot)
  if (parentSlot === undefined || !isLinked(draft, certifiedIn(draft, parentSlot)!, parentSlot))
    return undefined
  const wait = parentSlot > draft.final.slot && parentSlot === slot - 1 && mayBecomeFinal(draft, parentSlot)
  return timers!.enteredMs + (wait ? estimateDelayMs(draft.delaySamples, config) : 0)
}

/** Who voted SKIP votes no FINAL in that slot: where those who are left are no quorum, there is nothing to wait for. */
const mayBecomeFinal = (draft: Draft, slot: number): boolean => {
  const { ballots } = slotOf(draft, slot)
  const { validators } = draft.config
  const left = validators.flatMap((_, index) => (ballots.get(index)?.skip ? [] : index))
  return areQuorum(left, validators, draft.totalStake)
}
