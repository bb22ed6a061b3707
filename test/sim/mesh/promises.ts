/**
 * What an honest peer signs and sends are promises: each must be on its disk before anybody hears it, and contradict
 * nothing that it promised before, in whichever of its lives.
 */
import { isFault, toHex, toLatin1 } from '@gradmesh/core'
import type { MeshPeer } from '@gradmesh/peer/parts'
import type { SafetyStore } from '@gradmesh/store'
import {
  bitmapHas,
  blockIdOf,
  decodeAttest,
  decodeBlock,
  decodeSignedDelta,
  decodeVote,
  deltaDigest,
  type Vote,
  VoteKind
} from '@gradmesh/wire'
import { bound } from './bound.ts'
import type { Life } from './life.ts'
import type { SimNode } from './node.ts'
import { violate } from './violation.ts'

/** Votes are judged as they are signed. */
export const watchSafety = async ({ node, guard }: Life, safety: SafetyStore): Promise<SafetyStore> => {
  const { world, recorded, machine, disk } = node
  const note = (bytes: Uint8Array): void => {
    recorded.add(toLatin1(bytes))
  }
  /** Of what is on record already: nothing where a crash left the digest alone. */
  const noted = <T extends { readonly bytes: Uint8Array | null } | undefined>(own: T): T => {
    if (own?.bytes) note(own.bytes)
    return own
  }
  const signed = (bytes: Uint8Array): Vote | undefined => {
    note(bytes)
    const vote = decodeVote(bytes)
    if (isFault(vote)) return undefined
    guard(() => world.checker.vote(vote))
    return vote
  }
  const votes = await safety.votesFrom(0).catch(error => {
    if (!node.tampered) throw error
    return []
  })
  for (const { bytes } of votes) signed(bytes)
  return bound(safety, {
    recordVote: async (facts, bytes) => {
      await safety.recordVote(facts, bytes)
      const vote = signed(bytes)
      if (vote?.kind === VoteKind.NOTAR && !disk.keepsBlock(vote.blockId))
        guard(() =>
          violate(`peer ${machine.place} signed NOTAR in slot ${vote.slot} for what its disk may lose`)
        )
    },
    recordOwnBlock: async (slot, id, bytes) => {
      await safety.recordOwnBlock(slot, id, bytes)
      note(bytes)
    },
    ownBlock: async slot => noted(await safety.ownBlock(slot)),
    recordSeal: async (round, digest, bytes) => {
      await safety.recordSeal(round, digest, bytes)
      note(bytes)
    },
    seal: async round => noted(await safety.seal(round))
  })
}

/** What an honest peer is about to send must be on its disk, and contradict nothing that it sent before. */
export const judgeMessage = ({ node, peer }: Life, topic: string, message: Uint8Array): void => {
  const { world, recorded, machine } = node
  const { topics } = peer.context
  const isPromise =
    topic === topics.votes.name || topic === topics.blocks.name || topic === topics.deltas.name
  if (isPromise && !recorded.has(toLatin1(message)))
    violate(`peer ${machine.place} sent ${topic.split('/').at(-1)} that are not on its disk`)
  if (topic === topics.blocks.name) {
    const block = decodeBlock(message)
    if (!isFault(block))
      world.checker.proposed(machine.place, block.header.slot, toHex(blockIdOf(block.header)))
  } else if (topic === topics.deltas.name) {
    const delta = decodeSignedDelta(message)
    if (!isFault(delta))
      world.checker.delta(machine.place, delta.header.round, toHex(deltaDigest(delta.header)))
  } else if (topic === topics.attests.name) judgeAttest(node, peer, message)
}

/** "I hold these" is a promise about the disk. */
const judgeAttest = ({ disk, machine }: SimNode, { ledger, pool }: MeshPeer, message: Uint8Array): void => {
  const attest = decodeAttest(message)
  if (isFault(attest) || ledger === undefined || pool?.round !== attest.round) return
  const { round, trainers } = ledger.final.accounts
  if (round !== attest.round) return
  for (const [index, { key }] of trainers.entries()) {
    const held = bitmapHas(attest.bitmap, index) ? pool.ofTrainer(toHex(key)) : undefined
    if (held !== undefined && !disk.keepsDelta(deltaDigest(held.signed.header)))
      violate(`peer ${machine.place} attested a delta of round ${round} that its disk may lose`)
  }
}
