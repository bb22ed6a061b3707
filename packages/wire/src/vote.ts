/**
 * body: type u8 · kind u8 · protocol u16 · epoch u32 · slot u32 · blockId 32   (44 bytes, signed)
 * vote: body · validator u16 · signature 64                                    (110 bytes)
 */
import { assert, type Fault, putU16, putU32, u16At, u32At } from '@gradmesh/core'
import {
  assertBytes,
  assertUint,
  DIGEST_BYTES,
  MessageType,
  plainBytes,
  refuseHead,
  SIGNATURE_BYTES,
  writeHead
} from './binary.ts'
import { BOUNDS } from './bounds.ts'
import { asFault, Refusal, refuse, type WireFault } from './faults.ts'
import { type KeyPair, sign, signingBytes, verify } from './keys.ts'
import { type Digest, type PublicKey, type Vote, type VoteBody, VoteKind } from './types.ts'

export const VOTE_BODY_BYTES = 12 + DIGEST_BYTES
const VOTE_BYTES = VOTE_BODY_BYTES + 2 + SIGNATURE_BYTES
const DOMAIN = 'vote'

const isKind = (kind: number | undefined): kind is VoteKind =>
  kind === VoteKind.NOTAR || kind === VoteKind.SKIP || kind === VoteKind.FINAL

const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)

/** `type`: a certificate starts with the same body under its own type. */
export const writeVoteBody = (bytes: Uint8Array, body: VoteBody, type: MessageType): void => {
  assertUint(body.epoch, BOUNDS.counterMax, 'epoch')
  assertUint(body.slot, BOUNDS.counterMax, 'slot')
  assertBytes(body.blockId, DIGEST_BYTES, 'blockId')
  assert(isKind(body.kind), `kind is one of 1, 2, 3: ${body.kind}`)
  assert(body.kind !== VoteKind.SKIP || isZero(body.blockId), 'a skip carries the zero digest')
  writeHead(bytes, type, body.kind)
  putU32(bytes, 4, body.epoch)
  putU32(bytes, 8, body.slot)
  bytes.set(body.blockId, 12)
}

/** The caller has checked the head and the length. */
export const readVoteBody = (bytes: Uint8Array, name: string): VoteBody | Refusal => {
  const kind = bytes[1]
  if (!isKind(kind)) {
    return refuse('WIRE_RANGE', `${name}.kind: ${kind}, 1..3 wanted`)
  }
  const blockId = bytes.slice(12, VOTE_BODY_BYTES)
  // A skip names no block. Were the bytes free, one validator could sign many different skips of a slot.
  if (kind === VoteKind.SKIP && !isZero(blockId)) {
    return refuse('WIRE_PADDING', `${name}.blockId: not zero in a skip`)
  }
  return { epoch: u32At(bytes, 4), slot: u32At(bytes, 8), kind, blockId }
}

export const encodeVoteBody = (body: VoteBody): Uint8Array => {
  const bytes = new Uint8Array(VOTE_BODY_BYTES)
  writeVoteBody(bytes, body, MessageType.VOTE)
  return bytes
}

export const encodeVote = (vote: Vote): Uint8Array => {
  assertUint(vote.validator, BOUNDS.validatorsMax - 1, 'validator')
  assertBytes(vote.signature, SIGNATURE_BYTES, 'signature')
  const bytes = new Uint8Array(VOTE_BYTES)
  writeVoteBody(bytes, vote, MessageType.VOTE)
  putU16(bytes, VOTE_BODY_BYTES, vote.validator)
  bytes.set(vote.signature, VOTE_BODY_BYTES + 2)
  return bytes
}

/** Faults: WIRE_LENGTH, WIRE_TYPE, WIRE_PROTOCOL, WIRE_RANGE, WIRE_PADDING. */
export const decodeVote = (input: Uint8Array): Vote | Fault<WireFault> => {
  const bytes = plainBytes(input)
  const head = refuseHead(bytes, MessageType.VOTE, 'vote', VOTE_BYTES)
  if (head !== null) return asFault(head)
  if (bytes.length !== VOTE_BYTES)
    return asFault(refuse('WIRE_LENGTH', `vote: ${bytes.length} bytes, ${VOTE_BYTES} wanted`))
  const body = readVoteBody(bytes, 'vote')
  if (body instanceof Refusal) return asFault(body)
  const validator = u16At(bytes, VOTE_BODY_BYTES)
  if (validator >= BOUNDS.validatorsMax) {
    return asFault(refuse('WIRE_RANGE', `vote.validator: ${validator}, below ${BOUNDS.validatorsMax} wanted`))
  }
  return { ...body, validator, signature: bytes.slice(VOTE_BODY_BYTES + 2) }
}

export const signVote = (body: VoteBody, validator: number, chainId: Digest, keyPair: KeyPair): Vote => {
  const { epoch, slot, kind, blockId } = body
  const signature = sign(DOMAIN, chainId, epoch, encodeVoteBody(body), keyPair)
  return { epoch, slot, kind, blockId, validator, signature }
}

/** `validatorKeys`: the keys of the vote's epoch, in order. */
export const verifyVote = (vote: Vote, validatorKeys: readonly PublicKey[], chainId: Digest): boolean => {
  const key = validatorKeys[vote.validator]
  return key !== undefined && verifyVoteBody(vote, vote.signature, key, chainId)
}

export const verifyVoteBody = (
  body: VoteBody,
  signature: Uint8Array,
  key: PublicKey,
  chainId: Digest
): boolean => verify(DOMAIN, chainId, body.epoch, encodeVoteBody(body), signature, key)

/** The bytes that a vote's signature is over. */
export const voteSigningBytes = (body: VoteBody, chainId: Digest): Uint8Array =>
  signingBytes(DOMAIN, chainId, body.epoch, encodeVoteBody(body))
