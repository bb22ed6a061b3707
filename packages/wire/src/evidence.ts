/**
 * Two signed messages by one key that contradict each other. Whoever made them convicts himself: the
 * verdict is a function of the two messages and the keys, without any witness.
 */
import { equalBytes, type Fault, fault } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { decodeSignedDeltaHeader, deltaDigest, encodeSignedDeltaHeader, verifyDeltaHeader } from './delta.ts'
import type { WireFault } from './faults.ts'
import { blockIdOf, signedHeaderShape, verifyBlockSignature } from './header.ts'
import { embedded, literal, record, type Shape, variants } from './shape.ts'
import {
  type Digest,
  type Evidence,
  type PublicKey,
  type SignedBlockHeader,
  type SignedDeltaHeader,
  type Vote,
  VoteKind
} from './types.ts'
import { decodeVote, encodeVote, verifyVote } from './vote.ts'

type Of<Kind extends Evidence['kind']> = Extract<Evidence, { readonly kind: Kind }>

const vote = embedded(encodeVote, decodeVote)
const deltaHeader = embedded(encodeSignedDeltaHeader, decodeSignedDeltaHeader)

export const evidenceShape: Shape<Evidence> = variants<'kind', Evidence>('kind', {
  votes: record<Of<'votes'>>({ kind: literal('votes'), first: vote, second: vote }),
  blocks: record<Of<'blocks'>>({
    kind: literal('blocks'),
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

export type EvidenceFault =
  | 'EVIDENCE_UNRELATED'
  | 'EVIDENCE_NO_CONTRADICTION'
  | 'EVIDENCE_UNKNOWN'
  | 'EVIDENCE_SIGNATURE'

/** `index`: into the keys that were passed in. */
export interface Offender {
  readonly kind: 'validator' | 'trainer'
  readonly index: number
  readonly key: PublicKey
}

type Verdict = Offender | Fault<EvidenceFault>

/** Two NOTAR or two FINAL of one slot for different blocks, or SKIP and FINAL of one slot. */
export const contradict = (first: Vote, second: Vote): boolean => {
  if (first.epoch !== second.epoch || first.slot !== second.slot) return false
  if (first.kind === second.kind) return !equalBytes(first.blockId, second.blockId)
  return first.kind !== VoteKind.NOTAR && second.kind !== VoteKind.NOTAR
}

const judgeVotes = (
  first: Vote,
  second: Vote,
  validatorKeys: readonly PublicKey[],
  chainId: Digest
): Verdict => {
  const index = first.validator
  if (second.validator !== index) return fault('EVIDENCE_UNRELATED', 'two validators voted')
  if (!contradict(first, second)) return fault('EVIDENCE_NO_CONTRADICTION')
  const key = validatorKeys[index]
  if (key === undefined) return fault('EVIDENCE_UNKNOWN', `there is no validator ${index}`)
  return verifyVote(first, validatorKeys, chainId) && verifyVote(second, validatorKeys, chainId)
    ? { kind: 'validator', index, key }
    : fault('EVIDENCE_SIGNATURE')
}

const judgeBlocks = (
  first: SignedBlockHeader,
  second: SignedBlockHeader,
  validatorKeys: readonly PublicKey[],
  leaderKeyOfSlot: LeaderKeyOfSlot | undefined,
  chainId: Digest
): Verdict => {
  const [a, b] = [first.header, second.header]
  if (!equalBytes(a.chainId, chainId) || !equalBytes(b.chainId, chainId)) {
    return fault('EVIDENCE_UNRELATED', 'a block of another mesh')
  }
  if (a.epoch !== b.epoch || a.slot !== b.slot) return fault('EVIDENCE_UNRELATED', 'blocks of two slots')
  if (equalBytes(blockIdOf(a), blockIdOf(b))) return fault('EVIDENCE_NO_CONTRADICTION')
  const leader = leaderKeyOfSlot?.(a.slot)
  const suspects = leaderKeyOfSlot === undefined ? validatorKeys : leader === undefined ? [] : [leader]
  if (suspects.length === 0) return fault('EVIDENCE_UNKNOWN', `slot ${a.slot} has no known leader`)
  const key = suspects.find(
    suspect => verifyBlockSignature(first, suspect) && verifyBlockSignature(second, suspect)
  )
  if (key === undefined) return fault('EVIDENCE_SIGNATURE')
  const index = validatorKeys.findIndex(candidate => equalBytes(candidate, key))
  return index === -1
    ? fault('EVIDENCE_UNKNOWN', 'the leader is no validator')
    : { kind: 'validator', index, key }
}

const judgeDeltas = (
  first: SignedDeltaHeader,
  second: SignedDeltaHeader,
  trainerKeys: readonly PublicKey[],
  chainId: Digest
): Verdict => {
  const [a, b] = [first.header, second.header]
  if (!equalBytes(a.trainer, b.trainer)) return fault('EVIDENCE_UNRELATED', 'deltas of two trainers')
  if (a.round !== b.round) return fault('EVIDENCE_UNRELATED', 'deltas of two rounds')
  if (equalBytes(deltaDigest(a), deltaDigest(b))) return fault('EVIDENCE_NO_CONTRADICTION')
  const index = trainerKeys.findIndex(key => equalBytes(key, a.trainer))
  if (index === -1) return fault('EVIDENCE_UNKNOWN', 'the trainer is not registered')
  return verifyDeltaHeader(first, chainId) && verifyDeltaHeader(second, chainId)
    ? { kind: 'trainer', index, key: trainerKeys[index]! }
    : fault('EVIDENCE_SIGNATURE')
}

export type LeaderKeyOfSlot = (slot: number) => PublicKey | undefined

/**
 * Who is convicted by this evidence, or why nobody is. `validatorKeys` are those of the epoch in which
 * it happened. Without `leaderKeyOfSlot`, two headers convict whichever validator signed both.
 * Faults: EVIDENCE_UNRELATED, EVIDENCE_NO_CONTRADICTION, EVIDENCE_UNKNOWN, EVIDENCE_SIGNATURE.
 */
export const verifyEvidence = (
  evidence: Evidence,
  validatorKeys: readonly PublicKey[],
  trainerKeys: readonly PublicKey[],
  leaderKeyOfSlot: LeaderKeyOfSlot | undefined,
  chainId: Digest
): Verdict => {
  switch (evidence.kind) {
    case 'votes':
      return judgeVotes(evidence.first, evidence.second, validatorKeys, chainId)
    case 'blocks':
      return judgeBlocks(evidence.first, evidence.second, validatorKeys, leaderKeyOfSlot, chainId)
    case 'deltas':
      return judgeDeltas(evidence.first, evidence.second, trainerKeys, chainId)
    default:
      return evidence satisfies never
  }
}
