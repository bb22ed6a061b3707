/** From FINAL certificates to final blocks: chains of ancestors, delivery in order, pruning. */
import { toHex } from '@gradmesh/core'
import { type Draft, ownBlocks, ownSlots, slotOf } from './draft.ts'
import { SLOTS_BELOW_FINAL } from './state.ts'
import type { BlockId, BlockRef } from './types.ts'

export interface Ancestry {
  /** The block itself and its known ancestors above the final block, oldest first. */
  readonly blocks: readonly BlockRef[]
  /** The first that is not known on the way down, and its slot. */
  readonly missing: { readonly id: BlockId; readonly slot: number } | null
  /** The chain passes the final block by. */
  readonly forked: boolean
}

export const ancestry = (draft: Draft, id: BlockId, slot: number): Ancestry => {
  const blocks: BlockRef[] = []
  let next = { id, slot }
  while (next.id !== draft.final.id && next.slot > draft.final.slot) {
    const block = draft.blocks.get(next.id)
    if (block === undefined) return { blocks: blocks.reverse(), missing: next, forked: false }
    blocks.push(block)
    next = { id: block.parentId, slot: block.parentSlot }
  }
  return { blocks: blocks.reverse(), missing: null, forked: next.id !== draft.final.id }
}

/** Whether a block and all its ancestors down to the final block are known. */
export const isLinked = (draft: Draft, id: BlockId, slot: number): boolean => {
  const { missing, forked } = ancestry(draft, id, slot)
  return missing === null && !forked
}

/** Gives out what the highest FINAL certificate covers, as soon as all of it is known. */
export const settleFinality = (draft: Draft, now: number): void => {
  const { topFinal } = draft
  if (draft.broken || draft.ended || topFinal === null || topFinal.slot <= draft.final.slot) return
  const { blocks, missing, forked } = ancestry(draft, toHex(topFinal.blockId), topFinal.slot)
  if (forked && draft.finalCertificate !== null) {
    draft.broken = true
    draft.effects.push({ type: 'broken', first: draft.finalCertificate, second: topFinal })
  }
  if (missing !== null || forked) return
  const boundary = blocks.findIndex(block => block.boundary)
  const final = boundary === -1 ? blocks : blocks.slice(0, boundary + 1)
  draft.effects.push({ type: 'finalise', blocks: final, certificate: topFinal })
  finaliseAt(draft, final.at(-1)!, now)
}

/** `block`, which `topFinal` or an input proved final, becomes the floor; what lies far below is forgotten. A boundary ends the epoch. */
export const finaliseAt = (draft: Draft, block: BlockRef, now: number): void => {
  draft.final = block
  draft.ended = block.boundary
  draft.finalCertificate = slotOf(draft, block.slot).final
  draft.timers = { ...draft.timers!, finalMs: now }
  const slots = ownSlots(draft)
  for (const slot of slots.keys()) {
    if (slot < block.slot - SLOTS_BELOW_FINAL) slots.delete(slot)
  }
  const blocks = ownBlocks(draft)
  for (const { id, slot } of blocks.values()) {
    if (slot <= block.slot) blocks.delete(id)
  }
}
