/**
 * Puts into each block that it leads a proof that somebody honest contradicted itself: one real vote, and
 * one that it made up, since it has nobody's key but its own.
 */
import { isFault } from '@gradmesh/core'
import {
  decodeBlock,
  decodeVote,
  type Evidence,
  encodeBlock,
  signBlock,
  signVote,
  type Vote,
  VoteKind
} from '@gradmesh/wire'
import { bendNet } from './bending.ts'
import type { MeshAdversary } from './types.ts'

export const evidenceForger: MeshAdversary = {
  name: 'evidence-forger',
  twin: false,
  bend: (net, { prng, topics, keys, validator, chainId, genesis }) => {
    let heard: Vote | undefined
    const forged = (first: Vote): Evidence => {
      const body = { ...first, kind: VoteKind.NOTAR, blockId: prng.bytes(32) }
      const signature = prng.oneIn(2) ? first.signature : signVote(body, validator, chainId, keys).signature
      const key = genesis.validators.at(first.validator)!.key
      return { kind: 'votes', key, first, second: prng.oneIn(4) ? first : { ...body, signature } }
    }
    return bendNet(net, {
      hears: (topic, message) => {
        const vote = topic === topics.votes.name ? decodeVote(message) : undefined
        if (vote !== undefined && !isFault(vote) && vote.validator !== validator) heard = vote
      },
      publish: async (topic, message) => {
        const block = topic === topics.blocks.name ? decodeBlock(message) : undefined
        if (block === undefined || isFault(block) || heard === undefined || block.body.attests.length === 0)
          return net.publish(topic, message)
        const body = { ...block.body, evidence: [forged(heard)] }
        await net.publish(topic, encodeBlock(signBlock(block.header, body, keys)))
      }
    })
  }
}
