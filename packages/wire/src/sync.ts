/** "Here is how far I am", and the answer. Blocks, certificates and votes inside stand in their own encoding. */
import type { Fault } from '@gradmesh/core'
import { decodeBlock, encodeBlock } from './block.ts'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { decodeCertificate, encodeCertificate } from './certificate.ts'
import type { WireFault } from './faults.ts'
import { counter } from './fields.ts'
import { asBytes, asCouple, packed } from './packing.ts'
import { embedded, nullable, record, tuple } from './shape.ts'
import type { FinalBlock, SyncReply, SyncRequest } from './types.ts'
import { decodeVote, encodeVote } from './vote.ts'

const requestCodec = cborCodec<SyncRequest>({
  name: 'sync request',
  shape: record<SyncRequest>({ finalHeight: counter, frontier: counter }),
  bytesMax: BOUNDS.requestBytesMax,
  itemsMax: 16
})

export const encodeSyncRequest = (request: SyncRequest): Uint8Array => requestCodec.encode(request)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_CANONICAL. */
export const decodeSyncRequest = (bytes: Uint8Array): SyncRequest | Fault<WireFault> =>
  requestCodec.decode(bytes)

const block = embedded(encodeBlock, decodeBlock)
const certificate = embedded(encodeCertificate, decodeCertificate)
const vote = embedded(encodeVote, decodeVote)

export const finalBlockShape = tuple<FinalBlock>({ block, certificate: nullable(certificate) })

const replyCodec = cborCodec<SyncReply>({
  name: 'sync reply',
  shape: record<SyncReply>({
    finalHeight: counter,
    base: counter,
    blocks: packed(finalBlockShape, BOUNDS.syncBlocksMax, asCouple),
    live: record<SyncReply['live']>({
      blocks: packed(block, BOUNDS.syncLiveMax, asBytes),
      certificates: packed(certificate, BOUNDS.syncLiveMax, asBytes),
      votes: packed(vote, BOUNDS.syncLiveMax, asBytes)
    })
  }),
  bytesMax: BOUNDS.syncReplyBytesMax,
  itemsMax: 3 * BOUNDS.syncBlocksMax + 3 * BOUNDS.syncLiveMax + 32
})

/** Asserts the bounds: the one who answers cuts the list to `syncReplyBytesMax` and the counts first. */
export const encodeSyncReply = (reply: SyncReply): Uint8Array => replyCodec.encode(reply)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL, and those of the messages inside. */
export const decodeSyncReply = (bytes: Uint8Array): SyncReply | Fault<WireFault> => replyCodec.decode(bytes)
