/**
 * Two signed messages by one key that contradict each other. Whoever made them convicts himself: the
 * verdict is a function of the two messages and the key, without any witness.
 */
import { equalBytes, type Fault, fault } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { decodeSignedDeltaHeader, deltaDigest, encodeSignedDeltaHeader, verifyDeltaHeader } from './delta.ts'
import type { WireFault } from './faults.ts'
import { publicKey } from './fields.ts'
import { blockIdOf, signedHeaderShape, verifyBlockSignature } from './header.ts'
import { embedded, literal, record, type Shape, variants } from './shape.ts'
import { type Digest, type Evidence, type PublicKey, type Vote, VoteKind } from './types.ts'
import { decodeVote, encodeVote, verifyVoteBody } from './vote.ts'

type Of<Kind extends Evidence['kind']> = Extract<Evidence, { readonly kind: Kind }>

const vote = embedded(encodeVote, decodeVote)
const deltaHeader = embedded(encodeSignedDeltaHeader, decodeSignedDeltaHeader)

export const evidenceShape: Shape<Evidence> = variants<'kind', Evidence>('kind', {
  votes: record<Of<'votes'>>({ kind: literal('votes'), key: publicKey, first: vote, second: vote }),
  blocks: record<Of<'blocks'>>({
    kind: literal('blocks'),
    key: publicKey,
    first: signedHeaderShape,
    second: signedHeaderShape
  }),
  deltas: record<Of<'deltas'>>({ kind: literal('deltas'), first: deltaHeader, second: deltaHeader })
})

const codec = cborCodec<Evidence>({
  name: 'evidence',
  shape: evidenceShape,
  bytesMax: BOUNDS.evidenceBytesMax,
  itemsMax: 128
})

export const encodeEvidence = (evidence: Evidence): Uint8Array => codec.encode(evidence)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL, and those of the messages inside. */
export const decodeEvidence = (bytes: Uint8Array): Evidence | Fault<WireFault> => codec.decode(bytes)

export type EvidenceFault = 'EVIDENCE_UNRELATED' | 'EVIDENCE_NO_CONTRADICTION' | 'EVIDENCE_SIGNATURE'

/** Whom the evidence convicts, and of when it is: votes and blocks name an epoch, deltas a round. */
export interface Offence {
  readonly key: PublicKey
  readonly at: { readonly epoch: number } | { readonly round: number }
}

type Verdict = Offence | Fault<EvidenceFault>

/** Two NOTAR or two FINAL of one slot for different blocks, or SKIP and FINAL of one slot. */
export const contradict = (first: Vote, second: Vote): boolean => {
  if (first.epoch !== second.epoch || first.slot !== second.slot) return false
  if (first.kind === second.kind) return !equalBytes(first.blockId, second.blockId)
  return first.kind !== VoteKind.NOTAR && second.kind !== VoteKind.NOTAR
}

const judgeVotes = ({ key, first, second }: Of<'votes'>, chainId: Digest): Verdict => {
  if (!contradict(first, second)) return fault('EVIDENCE_NO_CONTRADICTION')
  const isSigned = [first, second].every(vote => verifyVoteBody(vote, vote.signature, key, chainId))
  return isSigned ? { key, at: { epoch: first.epoch } } : fault('EVIDENCE_SIGNATURE')
}

const judgeBlocks = ({ key, first, second }: Of<'blocks'>, chainId: Digest): Verdict => {
  const [a, b] = [first.header, second.header]
  if (!equalBytes(a.chainId, chainId) || !equalBytes(b.chainId, chainId)) {
    return fault('EVIDENCE_UNRELATED', 'a block of another mesh')
  }
  if (a.epoch !== b.epoch || a.slot !== b.slot) return fault('EVIDENCE_UNRELATED', 'blocks of two slots')
  if (equalBytes(blockIdOf(a), blockIdOf(b))) return fault('EVIDENCE_NO_CONTRADICTION')
  return verifyBlockSignature(first, key) && verifyBlockSignature(second, key)
    ? { key, at: { epoch: a.epoch } }
    : fault('EVIDENCE_SIGNATURE')
}

const judgeDeltas = ({ first, second }: Of<'deltas'>, chainId: Digest): Verdict => {
  const [a, b] = [first.header, second.header]
  if (!equalBytes(a.trainer, b.trainer)) return fault('EVIDENCE_UNRELATED', 'deltas of two trainers')
  if (a.round !== b.round) return fault('EVIDENCE_UNRELATED', 'deltas of two rounds')
  if (equalBytes(deltaDigest(a), deltaDigest(b))) return fault('EVIDENCE_NO_CONTRADICTION')
  return verifyDeltaHeader(first, chainId) && verifyDeltaHeader(second, chainId)
    ? { key: a.trainer, at: { round: a.round } }
    : fault('EVIDENCE_SIGNATURE')
}

/** The key that the evidence accuses, proven or not. */
export const accusedOf = (evidence: Evidence): PublicKey =>
  evidence.kind === 'deltas' ? evidence.first.header.trainer : evidence.key

/**
 * Who is convicted by this evidence, or why nobody is. Whether the key has a stake to lose is for the ledger.
 * Faults: EVIDENCE_UNRELATED, EVIDENCE_NO_CONTRADICTION, EVIDENCE_SIGNATURE.
 */
export const verifyEvidence = (evidence: Evidence, chainId: Digest): Verdict => {
  switch (evidence.kind) {
    case 'votes':
      return judgeVotes(evidence, chainId)
    case 'blocks':
      return judgeBlocks(evidence, chainId)
    case 'deltas':
      return judgeDeltas(evidence, chainId)
    default:
      return evidence satisfies never
  }
}
