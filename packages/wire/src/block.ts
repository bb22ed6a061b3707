/**
 * A block is a map {header, signature, body}. Its id is the SHA-256 of the header's dag-cbor, so a CID
 * over the header's bytes carries the same digest; the header binds the body by `bodyHash`.
 * Attestations stand in the body as byte strings in their own binary form.
 */
import { equalBytes, type Fault, isFault, once, sha256 } from '@gradmesh/core'
import { decodeAttest, encodeAttest } from './attest.ts'
import { plainBytes } from './binary.ts'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { evidenceShape } from './evidence.ts'
import { refuse, type WireFault } from './faults.ts'
import { digest, signature, trainerIndex, validatorIndex } from './fields.ts'
import { encodeHeader, headerShape } from './header.ts'
import { type KeyPair, sign } from './keys.ts'
import { asBytes, asCbor, asIndexed, asTriple, packed } from './packing.ts'
import { bytes, embedded, integer, record, tuple } from './shape.ts'
import { transactionShape } from './transaction.ts'
import type { Block, BlockBody, BlockHeader, DeltaKey, Digest, NamedDelta, Score } from './types.ts'

const bodyShape = record<BlockBody>({
  deltas: packed(tuple<NamedDelta>({ trainer: trainerIndex, digest }), BOUNDS.deltasPerBlockMax, asIndexed),
  attests: packed(embedded(encodeAttest, decodeAttest), BOUNDS.attestsPerBlockMax, asBytes),
  keys: packed(
    tuple<DeltaKey>({ trainer: trainerIndex, key: bytes(32) }),
    BOUNDS.deltasPerBlockMax,
    asIndexed
  ),
  scores: packed(
    tuple<Score>({ validator: validatorIndex, trainer: trainerIndex, score: integer(-32_768, 32_767) }),
    BOUNDS.scoresPerBlockMax,
    asTriple
  ),
  txs: packed(transactionShape, BOUNDS.txsPerBlockMax, asCbor),
  evidence: packed(evidenceShape, BOUNDS.evidencePerBlockMax, asCbor)
})

/** Items of a full body: scores are 4 each, evidence at most 72, the rest fits in the margin. */
const ITEMS_MAX = 4 * BOUNDS.scoresPerBlockMax + 72 * BOUNDS.evidencePerBlockMax + 8_192

const bodyCodec = cborCodec<BlockBody>({
  name: 'block.body',
  shape: bodyShape,
  bytesMax: BOUNDS.blockBytesMax,
  itemsMax: ITEMS_MAX
})

export const bodyHashOf = once((body: BlockBody): Digest => sha256(bodyCodec.encode(body)))

const codec = cborCodec<Block>({
  name: 'block',
  shape: record<Block>({ header: headerShape, signature, body: bodyShape }),
  bytesMax: BOUNDS.blockBytesMax,
  itemsMax: ITEMS_MAX,
  protocolAt: ['header', 'protocol'],
  check: ({ header, body }) =>
    equalBytes(bodyHashOf(body), header.bodyHash)
      ? null
      : refuse('WIRE_HASH', 'block.body: not what header.bodyHash says')
})

export const encodeBlock = once((block: Block): Uint8Array => codec.encode(block))

/**
 * The header's `bodyHash` has been checked, the leader's signature and all rules have not.
 * Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_PROTOCOL, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL,
 * WIRE_HASH, and those of attestations, transactions and evidence inside.
 */
export const decodeBlock = (input: Uint8Array): Block | Fault<WireFault> => {
  const bytes = plainBytes(input).slice()
  const block = codec.decode(bytes)
  if (!isFault(block)) encodeBlock.know(block, bytes)
  return block
}

/** Puts the body's hash into the header (whatever stood there) and signs as the slot's leader. */
export const signBlock = (
  header: BlockHeader | Omit<BlockHeader, 'bodyHash'>,
  body: BlockBody,
  keyPair: KeyPair
): Block => {
  const bound: BlockHeader = { ...header, bodyHash: bodyHashOf(body) }
  return {
    header: bound,
    body,
    signature: sign('block', bound.chainId, bound.epoch, encodeHeader(bound), keyPair)
  }
}
