/** The signed part of a block: what its id, its leader's signature and evidence about leaders need. */
import { once, sha256 } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { counter, digest, protocol, signature } from './fields.ts'
import { verify } from './keys.ts'
import { record } from './shape.ts'
import type { BlockHeader, Digest, PublicKey, SignedBlockHeader } from './types.ts'

export const headerShape = record<BlockHeader>({
  protocol,
  chainId: digest,
  epoch: counter,
  slot: counter,
  height: counter,
  parentSlot: counter,
  parentId: digest,
  round: counter,
  transcriptRoot: digest,
  stateRoot: digest,
  validatorSetHash: digest,
  rulesHash: digest,
  reveal: digest,
  bodyHash: digest
})

export const signedHeaderShape = record<SignedBlockHeader>({ header: headerShape, signature })

const codec = cborCodec<BlockHeader>({
  name: 'block.header',
  shape: headerShape,
  bytesMax: BOUNDS.requestBytesMax,
  itemsMax: 64,
  protocolAt: ['protocol']
})

export const encodeHeader = once((header: BlockHeader): Uint8Array => codec.encode(header))

export const blockIdOf = once((header: BlockHeader): Digest => sha256(encodeHeader(header)))

/** Of a whole block or of its signed header. */
export const verifyBlockSignature = (
  { header, signature: signed }: SignedBlockHeader,
  leaderKey: PublicKey
): boolean => verify('block', header.chainId, header.epoch, encodeHeader(header), signed, leaderKey)
