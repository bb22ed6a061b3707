/**
 * vote body under type 2 (44 bytes, see vote.ts) · bitmap length u8 · bitmap · signatures 64 each, in
 * the order of the set bits. About 4.5 KB for 70 signers.
 */
import { assert, equalBytes, type Fault } from '@gradmesh/core'
import { assertBytes, MessageType, plainBytes, refuseHead, SIGNATURE_BYTES } from './binary.ts'
import { bitmapBytes, bitmapCount, bitmapIndices, bitmapOf, isBitmapOver } from './bitmap.ts'
import { BOUNDS } from './bounds.ts'
import { asFault, Refusal, refuse, type WireFault } from './faults.ts'
import { isQuorum } from './quorum.ts'
import type { Certificate, Digest, PublicKey, Signature, Vote } from './types.ts'
import { encodeVoteBody, readVoteBody, VOTE_BODY_BYTES, verifyVoteBody, writeVoteBody } from './vote.ts'

const BITMAP_BYTES_MAX = bitmapBytes(BOUNDS.validatorsMax)
const FIXED_BYTES = VOTE_BODY_BYTES + 1

export const encodeCertificate = (certificate: Certificate): Uint8Array => {
  const { bitmap, signatures } = certificate
  assert(bitmap.length <= BITMAP_BYTES_MAX, `a certificate's bitmap has at most ${BITMAP_BYTES_MAX} bytes`)
  assert(signatures.length > 0, 'a certificate has signers')
  assert(signatures.length === bitmapCount(bitmap), 'a certificate has one signature a set bit')
  const bytes = new Uint8Array(FIXED_BYTES + bitmap.length + signatures.length * SIGNATURE_BYTES)
  writeVoteBody(bytes, certificate, MessageType.CERTIFICATE)
  bytes[VOTE_BODY_BYTES] = bitmap.length
  bytes.set(bitmap, FIXED_BYTES)
  signatures.forEach((signature, i) => {
    assertBytes(signature, SIGNATURE_BYTES, 'signature')
    bytes.set(signature, FIXED_BYTES + bitmap.length + i * SIGNATURE_BYTES)
  })
  return bytes
}

/** Faults: WIRE_LENGTH, WIRE_TYPE, WIRE_PROTOCOL, WIRE_RANGE, WIRE_PADDING, WIRE_BOUNDS. */
export const decodeCertificate = (input: Uint8Array): Certificate | Fault<WireFault> => {
  const bytes = plainBytes(input)
  const head = refuseHead(bytes, MessageType.CERTIFICATE, 'certificate', FIXED_BYTES)
  if (head !== null) return asFault(head)
  const body = readVoteBody(bytes, 'certificate')
  if (body instanceof Refusal) return asFault(body)
  const bitmapLength = bytes[VOTE_BODY_BYTES]!
  if (bitmapLength > BITMAP_BYTES_MAX) {
    return asFault(
      refuse('WIRE_BOUNDS', `certificate.bitmap: ${bitmapLength} bytes, at most ${BITMAP_BYTES_MAX}`)
    )
  }
  const start = FIXED_BYTES + bitmapLength
  const bitmap = bytes.slice(FIXED_BYTES, start)
  const signers = bitmapCount(bitmap)
  if (signers === 0) return asFault(refuse('WIRE_RANGE', 'certificate.bitmap: nobody signed'))
  const wanted = start + signers * SIGNATURE_BYTES
  if (bytes.length !== wanted) {
    return asFault(refuse('WIRE_LENGTH', `certificate: ${bytes.length} bytes, ${wanted} wanted`))
  }
  // Views of one copy: a signature with a buffer of its own takes 280 bytes in V8.
  const all = bytes.slice(start)
  const signatures = Array.from({ length: signers }, (_, i) =>
    all.subarray(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES)
  )
  return { ...body, bitmap, signatures }
}

/** Votes that all say the same; repeats of one validator count once, the first of them. */
export const certificateFromVotes = (votes: readonly Vote[], validatorCount: number): Certificate => {
  const first = votes[0]
  assert(first !== undefined, 'a certificate is made of at least one vote')
  const { epoch, slot, kind, blockId } = first
  const body = encodeVoteBody(first)
  const signatures = new Map<number, Signature>()
  for (const vote of votes) {
    assert(equalBytes(encodeVoteBody(vote), body), 'the votes of a certificate agree')
    if (!signatures.has(vote.validator)) signatures.set(vote.validator, vote.signature)
  }
  const bitmap = bitmapOf(validatorCount, signatures.keys())
  return {
    epoch,
    slot,
    kind,
    blockId,
    bitmap,
    signatures: bitmapIndices(bitmap).map(i => signatures.get(i)!)
  }
}

type Validators = readonly { readonly key: PublicKey; readonly stake: bigint }[]

/** The keys of those who signed, in their order; undefined where they are no quorum. */
export const signersOf = (
  { bitmap, signatures }: Certificate,
  validators: Validators
): readonly PublicKey[] | undefined => {
  if (!isBitmapOver(bitmap, validators.length)) return undefined
  const signers = bitmapIndices(bitmap)
  if (signers.length !== signatures.length) return undefined
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n)
  const weight = signers.reduce((sum, i) => sum + validators[i]!.stake, 0n)
  return isQuorum(weight, total) ? signers.map(i => validators[i]!.key) : undefined
}

/**
 * Whether more than two thirds of the stake signed, every signature valid. `validators`: the set of the
 * certificate's epoch, in order. The stake is summed before any signature is checked: a certificate
 * without a quorum costs its sender more than us.
 */
export const verifyCertificate = (
  certificate: Certificate,
  validators: Validators,
  chainId: Digest
): boolean => {
  const { signatures } = certificate
  const keys = signersOf(certificate, validators)
  return keys?.every((key, i) => verifyVoteBody(certificate, signatures[i]!, key, chainId)) ?? false
}
