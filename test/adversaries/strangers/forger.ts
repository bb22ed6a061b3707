/**
 * Honest messages with the signature, or what it stands for, changed; blocks by one whose turn it is not;
 * votes under the index of another and under none.
 */
import {
  decodeBlock,
  encodeBlock,
  encodeSignedDelta,
  encodeVote,
  signBlock,
  signVote,
  VoteKind
} from '@gradmesh/wire'
import type { Misdeed } from './stranger.ts'

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

export const deltaForger: Misdeed = {
  name: 'delta-forger',
  expects: ['WIRE_SIGNATURE', 'WIRE_HASH'],
  async act(stranger) {
    const delta = await stranger.nextDelta()
    await stranger.say('deltas', encodeSignedDelta({ ...delta, signature: flipped(delta.signature, 3) }))
    await stranger.say('deltas', encodeSignedDelta({ ...delta, payload: flipped(delta.payload, 9) }))
  }
}

export const usurper: Misdeed = {
  name: 'usurper',
  expects: ['BLOCK_LEADER', 'WIRE_SIGNATURE', 'WIRE_RANGE'],
  async act(stranger) {
    await stranger.nextDelta()
    const newest = decodeBlock(stranger.heard('blocks').at(-1) ?? new Uint8Array(0))
    if ('fault' in newest) return
    const { header, body } = newest
    for (const ahead of [2, 3]) {
      const block = signBlock({ ...header, slot: header.slot + ahead }, body, stranger.keys)
      await stranger.say('blocks', encodeBlock(block))
    }
    const vote = { epoch: 0, slot: header.slot + 1, kind: VoteKind.NOTAR, blockId: stranger.prng.bytes(32) }
    const own = encodeVote(signVote(vote, 0, stranger.chainId, stranger.keys))
    await stranger.say('votes', own)
    await stranger.say('votes', encodeVote(signVote(vote, 100, stranger.chainId, stranger.keys)))
    await stranger.say('votes', withIndex(own, 0xffff))
  }
}

/** A vote says its validator in the two bytes before its signature. */
const withIndex = (vote: Uint8Array, index: number): Uint8Array => {
  const copy = vote.slice()
  new DataView(copy.buffer).setUint16(copy.length - 66, index, true)
  return copy
}
