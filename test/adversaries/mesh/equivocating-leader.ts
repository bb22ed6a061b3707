/** Makes a second, empty block for each slot that it leads, and tells each half of the others one of the two and its votes. */
import { isFault, toHex } from '@gradmesh/core'
import {
  type Block,
  blockIdOf,
  decodeBlock,
  decodeVote,
  encodeBlock,
  encodeVote,
  signBlock,
  signVote,
  VoteKind
} from '@gradmesh/wire'
import { bendPublish } from './bending.ts'
import type { MeshAdversary } from './types.ts'

const EMPTY: Block['body'] = { deltas: [], attests: [], keys: [], scores: [], txs: [], evidence: [] }
/** Slots whose second block it remembers. */
const REMEMBERED = 64

export const equivocatingLeader: MeshAdversary = {
  name: 'equivocating-leader',
  twin: false,
  bend: (net, { keys, validator, chainId, topics, others, prng, tell }) => {
    const second = new Map<number, Block>()
    const half = prng.shuffle([...others]).slice(0, others.length >> 1)
    const rest = others.filter(peer => !half.includes(peer))
    const both = (topic: string, one: Uint8Array, other: Uint8Array): void => {
      tell(half, topic, one)
      tell(rest, topic, other)
    }
    return bendPublish(net, async (topic, message, pass) => {
      if (topic === topics.blocks.name) {
        const block = decodeBlock(message)
        if (isFault(block)) return pass()
        const { slot } = block.header
        // Without attestations of its own the second differs by the leader's free choice of a body alone.
        const body = block.body.attests.length > 0 ? EMPTY : { ...EMPTY, txs: [] }
        const other =
          second.get(slot) ??
          signBlock({ ...block.header, reveal: new Uint8Array(32).fill(body === EMPTY ? 0 : 1) }, body, keys)
        second.set(slot, other)
        if (second.size > REMEMBERED) second.delete(second.keys().next().value!)
        return both(topic, message, encodeBlock(other))
      }
      const vote = topic === topics.votes.name ? decodeVote(message) : undefined
      const other = vote === undefined || isFault(vote) ? undefined : second.get(vote.slot)
      if (vote === undefined || isFault(vote) || other === undefined || vote.kind === VoteKind.SKIP)
        return pass()
      const blockId = blockIdOf(other.header)
      if (toHex(blockId) === toHex(vote.blockId)) return pass()
      both(topic, message, encodeVote(signVote({ ...vote, blockId }, validator, chainId, keys)))
    })
  }
}
