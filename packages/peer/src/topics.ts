/**
 * Names of gossip topics and direct protocols, each with the most bytes one message may have and what one peer may
 * spend: the one table of limits (README, "Budgets").
 *
 * A topic's budget counts what a neighbour brought in vain, late, early or known. It lies above what the largest mesh
 * (128 validators, ten blocks a second) could bring through one neighbour to a peer that is behind.
 */
import { toHex } from '@gradmesh/core'
import { BOUNDS, type Digest, PROTOCOL_VERSION } from '@gradmesh/wire'

/** Payloads up to this size travel inside gossip; larger ones are announced by header and pulled. */
export const INLINE_BYTES_MAX = 256 * 1024

export const PIECE_BYTES = 256 * 1024

/** The same for all topics of one mesh, so that two meshes on one network never mix. */
export const chainTag = (chainId: Digest): string => toHex(chainId).slice(0, 16)

export const topicsOf = (chainId: Digest) => {
  const topic = (name: string): string => `/gradmesh/${PROTOCOL_VERSION}/${chainTag(chainId)}/${name}`
  return {
    votes: { name: topic('votes'), maxBytes: 1024, budget: { perSecond: 3000, burst: 10000 } },
    certificates: {
      name: topic('certificates'),
      maxBytes: 16 * 1024,
      budget: { perSecond: 100, burst: 1000 }
    },
    blocks: { name: topic('blocks'), maxBytes: BOUNDS.blockBytesMax, budget: { perSecond: 50, burst: 500 } },
    attests: { name: topic('attests'), maxBytes: 4096, budget: { perSecond: 1500, burst: 5000 } },
    deltas: {
      name: topic('deltas'),
      maxBytes: INLINE_BYTES_MAX + 512,
      budget: { perSecond: 700, burst: 2000 }
    },
    announcements: { name: topic('announcements'), maxBytes: 1024, budget: { perSecond: 700, burst: 2000 } },
    transactions: { name: topic('transactions'), maxBytes: 1024, budget: { perSecond: 50, burst: 1024 } }
  } as const
}

export type Topics = ReturnType<typeof topicsOf>

/** What one peer may ask: tokens a second, and at once. Each request costs its protocol's `tokens`. */
export const REQUEST_BUDGET = { perSecond: 512, burst: 2048 } as const

/** Direct protocols carry no chain in their name: the hello must be able to say that the chains differ. */
export const PROTOCOLS = {
  hello: { name: '/gradmesh/hello', requestBytes: 1024, replyBytes: 1024, tokens: 1 },
  sync: {
    name: `/gradmesh/${PROTOCOL_VERSION}/sync`,
    requestBytes: 1024,
    replyBytes: BOUNDS.syncReplyBytesMax,
    /** A sync reads up to 64 blocks. */
    tokens: 16
  },
  get: {
    name: `/gradmesh/${PROTOCOL_VERSION}/get`,
    requestBytes: 1024,
    replyBytes: BOUNDS.checkpointBytesMax,
    tokens: 1
  }
} as const
