/** Deltas of the open round that gossip did not bring: after a restart, or when a message was lost. */
import { isFault, toHex } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import {
  decodeSignedDeltaHeaders,
  deltaDigest,
  encodeGetRequest,
  encodeSignedDeltaHeader,
  type List,
  type SignedDeltaHeader
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { PROTOCOLS } from '../topics.ts'
import type { DeltaPool } from './delta-pool.ts'

const TIMEOUT_MS = 2000

/** What the own disk holds of the open round: a peer that said "I hold it" before a crash still does. */
export const recallDeltas = async ({ chain }: Context, pool: DeltaPool): Promise<void> => {
  for (const { header } of await chain.headersOf(pool.round)) {
    const bytes = await chain.deltaBytes(deltaDigest(header))
    if (bytes !== undefined) await pool.offer(bytes)
  }
}

/** Asks every connected peer what it holds of the open round, and pulls what is missing here. */
export const gatherDeltas = async (context: Context, pool: DeltaPool): Promise<void> => {
  const { round } = pool
  const gatherFrom = async (peer: PeerKey): Promise<void> => {
    for (const signed of await askHeaders(context, peer, round)) {
      if (pool.round !== round || pool.ofTrainer(toHex(signed.header.trainer)) !== undefined) continue
      const wrong = await pool.offerHeader(encodeSignedDeltaHeader(signed), peer)
      if (isFault(wrong)) context.faults.count(wrong)
    }
  }
  await Promise.all(context.net.peers().map(({ key }) => gatherFrom(key)))
}

/** Headers of the deltas that a peer holds for a round; none when it does not answer. */
export const askHeaders = async (
  { net }: Context,
  peer: PeerKey,
  round: number
): Promise<List<SignedDeltaHeader>> => {
  const reply = await net
    .request(peer, PROTOCOLS.get.name, encodeGetRequest({ what: 'headers', round }), {
      timeoutMs: TIMEOUT_MS,
      maxReplyBytes: PROTOCOLS.get.replyBytes
    })
    .catch(() => undefined)
  const headers = reply === undefined ? undefined : decodeSignedDeltaHeaders(reply)
  return headers === undefined || isFault(headers) ? [] : headers
}
