/** Certificates: proofs that more than two thirds of the stake voted alike in one slot. */
import { equalBytes, toHex } from '@gradmesh/core'
import { BOUNDS, type Certificate, VoteKind } from '@gradmesh/wire'
import { type Draft, editSlot, slotOf } from './draft.ts'
import { leaderOf } from './leader.ts'
import { SLOTS_BELOW_FINAL, type Slot } from './state.ts'
import type { BlockId } from './types.ts'

/**
 * Takes in a certificate whose quorum has been checked. True when it is news. Two that exclude each other
 * (two blocks notarised or final in one slot, FINAL and SKIP in one slot) break the state for good.
 */
export const addCertificate = (draft: Draft, certificate: Certificate): boolean => {
  const { slot, kind } = certificate
  if (slot < draft.final.slot - SLOTS_BELOW_FINAL) return false
  const known = slotOf(draft, slot)
  const contradicted = contradiction(known, certificate)
  if (contradicted !== undefined) {
    if (!draft.broken) draft.effects.push({ type: 'broken', first: contradicted, second: certificate })
    draft.broken = true
    return false
  }
  const field = fieldOf(kind)
  if (known[field] !== null) return false
  editSlot(draft, slot, { [field]: certificate })
  if (kind === VoteKind.FINAL && slot > (draft.topFinal?.slot ?? 0)) draft.topFinal = certificate
  return true
}

export const fieldOf = (kind: VoteKind): 'notar' | 'skip' | 'final' =>
  kind === VoteKind.NOTAR ? 'notar' : kind === VoteKind.SKIP ? 'skip' : 'final'

const contradiction = (known: Slot, { kind, blockId }: Certificate): Certificate | undefined => {
  if (kind === VoteKind.SKIP) return known.final ?? undefined
  for (const other of [known.notar, known.final]) {
    if (other !== null && !equalBytes(other.blockId, blockId)) return other
  }
  return kind === VoteKind.FINAL ? (known.skip ?? undefined) : undefined
}

/** The block certified in a slot by NOTAR, FINAL or being final, if there is one. */
export const certifiedIn = (draft: Draft, slot: number): BlockId | undefined => {
  if (slot === draft.final.slot) return draft.final.id
  const known = draft.slots.get(slot)
  const certificate = known?.notar ?? known?.final
  return certificate ? toHex(certificate.blockId) : undefined
}

export const isSkipped = (draft: Draft, slot: number): boolean => Boolean(draft.slots.get(slot)?.skip)

/** The newest slot known final, whether or not its block is here. */
export const finalSlot = (draft: Draft): number => Math.max(draft.final.slot, draft.topFinal?.slot ?? 0)

/** The newest slot that needs no vote any more: the final one, or the last before the epoch's first. */
export const settledSlot = (draft: Draft): number => Math.max(finalSlot(draft), draft.config.firstSlot - 1)

/** What tells a peer that a slot is over; undefined while it is not, or for genesis. */
export const endOf = (draft: Draft, slot: number): Certificate | undefined => {
  if (draft.topFinal !== null && slot <= draft.topFinal.slot) return draft.topFinal
  const known = draft.slots.get(slot)
  return known?.notar ?? known?.skip ?? undefined
}

/** Moves the frontier to the lowest slot that nothing has ended. True when it moved. */
export const advanceFrontier = (draft: Draft): boolean => {
  const before = draft.frontier
  draft.frontier = Math.max(draft.frontier, finalSlot(draft) + 1)
  while (endOf(draft, draft.frontier) !== undefined) draft.frontier++
  if (draft.frontier === before) return false
  draft.leader = leaderOf(draft.config, draft.frontier)
  return true
}

/**
 * The slot of the block that a child in `slot` builds on: the highest certified one below with a SKIP
 * certificate for every slot between. Undefined when a certificate is missing on the way.
 */
export const parentSlotOf = (draft: Draft, slot: number): number | undefined => {
  const lowest = Math.max(draft.final.slot + 1, draft.config.firstSlot)
  for (let below = slot - 1; below >= lowest; below--) {
    if (certifiedIn(draft, below) !== undefined) return below
    if (!isSkipped(draft, below)) return undefined
  }
  return slot > draft.final.slot ? draft.final.slot : undefined
}

/** Whether a child in `slot` of the block in `parentSlot` has its parent and every gap certified. */
export const bridges = (draft: Draft, parentSlot: number, parentId: BlockId, slot: number): boolean => {
  if (parentSlot < draft.final.slot || certifiedIn(draft, parentSlot) !== parentId) return false
  const first = Math.max(parentSlot + 1, draft.config.firstSlot)
  for (let gap = first; gap < slot; gap++) if (!isSkipped(draft, gap)) return false
  return true
}

/**
 * Where the epoch's slots end: where the next epoch's would begin if the lowest boundary that may be certified became
 * final. Votes in them are recorded by slot alone, so one by this epoch would bar the next one's. A certified block
 * that is unknown here, or an unknown ancestor, may be a boundary anywhere above the final block.
 */
export const endOfSlots = (draft: Draft): number => {
  const lowest = draft.final.slot + 1
  if (draft.frontier < lowest + BOUNDS.slotsBetweenEpochs) return Number.POSITIVE_INFINITY
  let boundary = Number.POSITIVE_INFINITY
  const seen = new Set<BlockId>([draft.final.id])
  // In whatever order: the slots between two epochs are thousands, and of hardly any something is known.
  for (const slot of draft.slots.keys()) {
    if (slot < lowest || slot >= draft.frontier) continue
    for (let id = certifiedIn(draft, slot); id !== undefined && !seen.has(id); ) {
      seen.add(id)
      const block = draft.blocks.get(id)
      if (block === undefined || block.boundary) boundary = Math.min(boundary, block?.slot ?? lowest)
      id = block?.parentId
    }
  }
  return boundary + BOUNDS.slotsBetweenEpochs
}
