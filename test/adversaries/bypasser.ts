/**
 * Before the slot it leads has begun it publishes a block that builds on its parent's parent, as if the slot
 * between had been skipped, and hopes that it is certified before the parent is final.
 */
import { toHex } from '@gradmesh/core'
import { VoteKind } from '@gradmesh/wire'
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const bypasser: Adversary = {
  name: 'bypasser',
  twin: false,
  tell(liar, message) {
    if (message.type === 'block') {
      const block = liar.second.get(message.block.slot) ?? message.block
      return everybody(liar, { type: 'block', block })
    }
    const told = everybody(liar, message)
    if (message.type !== 'vote' || message.vote.kind !== VoteKind.NOTAR) return told
    const slot = message.vote.slot + 1
    const passed = liar.blocksOf(slot - 1).find(({ id }) => id === toHex(message.vote.blockId))
    if (passed === undefined || !liar.leads(slot)) return told
    const block =
      liar.second.get(slot) ?? liar.signBlock({ ...passed, slot, empty: !liar.prng.oneIn(3) }, true)
    liar.second.set(slot, block)
    return [...told, ...everybody(liar, { type: 'block', block })]
  }
}
