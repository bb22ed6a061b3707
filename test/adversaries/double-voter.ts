/** Votes everything there is to vote in a slot, to each of the others something else. */
import { type VoteBody, VoteKind } from '@gradmesh/wire'
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const doubleVoter: Adversary = {
  name: 'double-voter',
  twin: false,
  tell(liar, message) {
    if (message.type !== 'vote') return everybody(liar, message)
    const { epoch, slot } = message.vote
    const bodies: VoteBody[] = [{ epoch, slot, kind: VoteKind.SKIP, blockId: new Uint8Array(32) }]
    for (const { id } of liar.blocksOf(slot)) {
      const blockId = new Uint8Array(Buffer.from(id, 'hex'))
      bodies.push(
        { epoch, slot, kind: VoteKind.NOTAR, blockId },
        { epoch, slot, kind: VoteKind.FINAL, blockId }
      )
    }
    return liar.others.flatMap(to =>
      bodies
        .filter(() => !liar.prng.oneIn(3))
        .map(body => ({ to, message: { type: 'vote', vote: liar.signVote(body) } as const }))
    )
  }
}
