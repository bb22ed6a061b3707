/** A leader that makes two blocks for its slot, one for each half of the others, and tells each half it votes for theirs. */
import { VoteKind } from '@gradmesh/wire'
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const equivocator: Adversary = {
  name: 'equivocator',
  twin: false,
  tell(liar, message) {
    const slot =
      message.type === 'block' ? message.block.slot : message.type === 'vote' ? message.vote.slot : 0
    if (message.type === 'block' && message.block.leader === liar.self && !liar.second.has(slot)) {
      const height = message.block.height + (liar.prng.oneIn(4) ? 1 : 0)
      liar.second.set(slot, liar.signBlock({ ...message.block, height }, !liar.prng.oneIn(4)))
    }
    const block = liar.second.get(slot)
    if (block === undefined) return everybody(liar, message)
    return liar.others.map(to => {
      if (to % 2 === 0) return { to, message }
      if (message.type === 'block') return { to, message: { type: 'block', block } }
      if (message.type !== 'vote' || message.vote.kind === VoteKind.SKIP) return { to, message }
      const blockId = new Uint8Array(Buffer.from(block.id, 'hex'))
      return { to, message: { type: 'vote', vote: liar.signVote({ ...message.vote, blockId }) } }
    })
  }
}
