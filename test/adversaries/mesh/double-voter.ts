/** Votes the opposite of each of its votes as well, each to another half of the others. */
import { isFault } from '@gradmesh/core'
import { decodeVote, encodeVote, signVote, VoteKind } from '@gradmesh/wire'
import { bendPublish } from './bending.ts'
import type { MeshAdversary } from './types.ts'

export const doubleVoter: MeshAdversary = {
  name: 'double-voter',
  twin: false,
  bend: (net, { prng, others, topics, keys, validator, chainId, tell }) =>
    bendPublish(net, async (topic, message, pass) => {
      const vote = topic === topics.votes.name ? decodeVote(message) : undefined
      if (vote === undefined || isFault(vote)) return pass()
      const half = others.filter(() => prng.oneIn(2))
      tell(half, topic, message)
      const body =
        vote.kind === VoteKind.SKIP
          ? { ...vote, kind: VoteKind.NOTAR, blockId: prng.bytes(32) }
          : { ...vote, kind: VoteKind.SKIP, blockId: new Uint8Array(32) }
      const opposite = encodeVote(signVote(body, validator, chainId, keys))
      tell(
        others.filter(peer => !half.includes(peer)),
        topic,
        opposite
      )
    })
}
