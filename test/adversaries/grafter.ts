/** A leader that builds on a block which the others gave up: one that was skipped, or lost to another in its slot. */
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

const SLOTS_BACK = 4

export const grafter: Adversary = {
  name: 'grafter',
  twin: false,
  tell(liar, message) {
    if (message.type !== 'block' || message.block.leader !== liar.self) return everybody(liar, message)
    const { slot, parentId } = message.block
    const known = liar.second.get(slot)
    if (known !== undefined) return everybody(liar, { type: 'block', block: known })
    const stumps = Array.from({ length: SLOTS_BACK }, (_, i) => liar.blocksOf(slot - 1 - i))
      .flat()
      .filter(({ id }) => id !== parentId)
    if (stumps.length === 0) return everybody(liar, message)
    const stump = liar.prng.pick(stumps)
    const height = stump.height + 1
    const block = liar.signBlock(
      { slot, height, parentSlot: stump.slot, parentId: stump.id, empty: true, boundary: false },
      true
    )
    liar.second.set(slot, block)
    return everybody(liar, { type: 'block', block })
  }
}
