/** Names of gossip topics and direct protocols, each with the most bytes one message may have. */
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
    votes: { name: topic('votes'), maxBytes: 1024 },
    certificates: { name: topic('certificates'), maxBytes: 16 * 1024 },
    blocks: { name: topic('blocks'), maxBytes: BOUNDS.blockBytesMax },
    attests: { name: topic('attests'), maxBytes: 4096 },
    deltas: { name: topic('deltas'), maxBytes: INLINE_BYTES_MAX + 512 },
    announcements: { name: topic('announcements'), maxBytes: 1024 },
    transactions: { name: topic('transactions'), maxBytes: 1024 }
  } as const
}

export type Topics = ReturnType<typeof topicsOf>

/** Direct protocols carry no chain in their name: the hello must be able to say that the chains differ. */
export const PROTOCOLS = {
  hello: { name: '/gradmesh/hello', requestBytes: 1024, replyBytes: 1024 },
  sync: {
    name: `/gradmesh/${PROTOCOL_VERSION}/sync`,
    requestBytes: 1024,
    replyBytes: BOUNDS.syncReplyBytesMax
  },
  get: {
    name: `/gradmesh/${PROTOCOL_VERSION}/get`,
    requestBytes: 1024,
    replyBytes: BOUNDS.checkpointBytesMax
  }
} as const
