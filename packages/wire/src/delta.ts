/**
 * header:       type u8 · zero u8 · protocol u16 · round u32 · steps u32 · payload bytes u32 ·
 *               trainer 32 · base 32 · payload hash 32                 (112 bytes, signed and hashed)
 * announcement: header · signature 64                                  (176 bytes)
 * delta:        header · signature 64 · payload
 *
 * A payload has at least one byte, so length tells the two apart.
 */
import {
  assert,
  concatBytes,
  equalBytes,
  type Fault,
  isFault,
  once,
  putU32,
  sha256,
  u16At,
  u32At
} from '@gradmesh/core'
import {
  assertBytes,
  assertUint,
  DIGEST_BYTES,
  KEY_BYTES,
  MessageType,
  plainBytes,
  refuseHead,
  SIGNATURE_BYTES,
  writeHead
} from './binary.ts'
import { BOUNDS } from './bounds.ts'
import { asFault, Refusal, refuse, type WireFault } from './faults.ts'
import { type KeyPair, sign, verify } from './keys.ts'
import { type List, Packed } from './packed.ts'
import type { DeltaHeader, Digest, SignedDelta, SignedDeltaHeader } from './types.ts'

const TRAINER_AT = 16
const BASE_AT = TRAINER_AT + KEY_BYTES
const HASH_AT = BASE_AT + DIGEST_BYTES
const DELTA_HEADER_BYTES = HASH_AT + DIGEST_BYTES
/** What a delta costs on the wire besides its payload. */
export const SIGNED_DELTA_HEADER_BYTES = DELTA_HEADER_BYTES + SIGNATURE_BYTES
const DOMAIN = 'delta'
/** Deltas are bound to (round, base root); epochs do not enter. */
const EPOCH = 0

const encodeDeltaHeader = once((header: DeltaHeader): Uint8Array => {
  assertUint(header.protocol, 0xffff, 'protocol')
  assertUint(header.round, BOUNDS.counterMax, 'round')
  assertUint(header.steps, BOUNDS.innerStepsMax, 'steps')
  assertUint(header.payloadBytes, BOUNDS.payloadBytesMax, 'payloadBytes')
  assertBytes(header.trainer, KEY_BYTES, 'trainer')
  assertBytes(header.base, DIGEST_BYTES, 'base')
  assertBytes(header.payloadHash, DIGEST_BYTES, 'payloadHash')
  const bytes = new Uint8Array(DELTA_HEADER_BYTES)
  writeHead(bytes, MessageType.DELTA, 0, header.protocol)
  putU32(bytes, 4, header.round)
  putU32(bytes, 8, header.steps)
  putU32(bytes, 12, header.payloadBytes)
  bytes.set(header.trainer, TRAINER_AT)
  bytes.set(header.base, BASE_AT)
  bytes.set(header.payloadHash, HASH_AT)
  return bytes
})

const readSignedHeader = (bytes: Uint8Array): SignedDeltaHeader | Refusal => {
  const head = refuseHead(bytes, MessageType.DELTA, 'delta', SIGNED_DELTA_HEADER_BYTES)
  if (head !== null) return head
  if (bytes[1] !== 0) return refuse('WIRE_PADDING', 'delta: byte 1 is not zero')
  const steps = u32At(bytes, 8)
  if (steps < 1 || steps > BOUNDS.innerStepsMax) {
    return refuse('WIRE_RANGE', `delta.steps: ${steps}, 1..${BOUNDS.innerStepsMax} wanted`)
  }
  const payloadBytes = u32At(bytes, 12)
  if (payloadBytes < 1 || payloadBytes > BOUNDS.payloadBytesMax) {
    return refuse('WIRE_BOUNDS', `delta.payloadBytes: ${payloadBytes}, 1..${BOUNDS.payloadBytesMax} wanted`)
  }
  const header = {
    protocol: u16At(bytes, 2),
    trainer: bytes.slice(TRAINER_AT, BASE_AT),
    round: u32At(bytes, 4),
    base: bytes.slice(BASE_AT, HASH_AT),
    steps,
    payloadBytes,
    payloadHash: bytes.slice(HASH_AT, DELTA_HEADER_BYTES)
  }
  return { header, signature: bytes.slice(DELTA_HEADER_BYTES, SIGNED_DELTA_HEADER_BYTES) }
}

export const encodeSignedDeltaHeader = once(({ header, signature }: SignedDeltaHeader): Uint8Array => {
  assertBytes(signature, SIGNATURE_BYTES, 'signature')
  const bytes = new Uint8Array(SIGNED_DELTA_HEADER_BYTES)
  bytes.set(encodeDeltaHeader(header))
  bytes.set(signature, DELTA_HEADER_BYTES)
  return bytes
})

/** The announcement. Faults: WIRE_LENGTH, WIRE_TYPE, WIRE_PROTOCOL, WIRE_PADDING, WIRE_RANGE, WIRE_BOUNDS. */
export const decodeSignedDeltaHeader = (input: Uint8Array): SignedDeltaHeader | Fault<WireFault> => {
  const bytes = plainBytes(input)
  const signed = readSignedHeader(bytes)
  if (signed instanceof Refusal) return asFault(signed)
  if (bytes.length !== SIGNED_DELTA_HEADER_BYTES) {
    return asFault(
      refuse('WIRE_LENGTH', `delta header: ${bytes.length} bytes, ${SIGNED_DELTA_HEADER_BYTES} wanted`)
    )
  }
  return signed
}

/** Announcements one after the other: the answer to a `headers` request. */
export const encodeSignedDeltaHeaders = (headers: List<SignedDeltaHeader>): Uint8Array => {
  assert(headers.length <= BOUNDS.trainersMax, `at most ${BOUNDS.trainersMax} headers in an answer`)
  return concatBytes(...headers.map(header => encodeSignedDeltaHeader(header)))
}

/** Faults: those of the announcement, of the first that is wrong. */
export const decodeSignedDeltaHeaders = (input: Uint8Array): List<SignedDeltaHeader> | Fault<WireFault> => {
  const bytes = plainBytes(input)
  if (bytes.length % SIGNED_DELTA_HEADER_BYTES !== 0) {
    return asFault(
      refuse('WIRE_LENGTH', `delta headers: ${bytes.length} bytes, not ${SIGNED_DELTA_HEADER_BYTES} each`)
    )
  }
  if (bytes.length > BOUNDS.trainersMax * SIGNED_DELTA_HEADER_BYTES) {
    return asFault(refuse('WIRE_BOUNDS', `delta headers: more than ${BOUNDS.trainersMax}`))
  }
  for (let at = 0; at < bytes.length; at += SIGNED_DELTA_HEADER_BYTES) {
    const header = decodeSignedDeltaHeader(bytes.subarray(at, at + SIGNED_DELTA_HEADER_BYTES))
    if (isFault(header)) return header
  }
  return new Packed(
    bytes.slice(),
    SIGNED_DELTA_HEADER_BYTES,
    part => decodeSignedDeltaHeader(part) as SignedDeltaHeader
  )
}

export const encodeSignedDelta = (delta: SignedDelta): Uint8Array => {
  const { payload } = delta
  assert(payload.length === delta.header.payloadBytes, 'a delta has the payload bytes that its header says')
  const bytes = new Uint8Array(SIGNED_DELTA_HEADER_BYTES + payload.length)
  bytes.set(encodeSignedDeltaHeader(delta))
  bytes.set(payload, SIGNED_DELTA_HEADER_BYTES)
  return bytes
}

/**
 * The payload of the answer is a view of `input`, not a copy; its hash has been checked, its meaning
 * (package `delta`) and the signature have not.
 * Faults: those of the announcement, WIRE_HASH.
 */
export const decodeSignedDelta = (input: Uint8Array): SignedDelta | Fault<WireFault> => {
  const bytes = plainBytes(input)
  const signed = readSignedHeader(bytes)
  if (signed instanceof Refusal) return asFault(signed)
  const wanted = SIGNED_DELTA_HEADER_BYTES + signed.header.payloadBytes
  if (bytes.length !== wanted) {
    return asFault(refuse('WIRE_LENGTH', `delta: ${bytes.length} bytes, ${wanted} wanted`))
  }
  const payload = bytes.subarray(SIGNED_DELTA_HEADER_BYTES)
  if (!equalBytes(sha256(payload), signed.header.payloadHash)) {
    return asFault(refuse('WIRE_HASH', 'delta.payload: not what payloadHash says'))
  }
  return { ...signed, payload }
}

/** The digest by which blocks name a delta. */
export const deltaDigest = once((header: DeltaHeader): Digest => sha256(encodeDeltaHeader(header)))

export const signDeltaHeader = (
  header: DeltaHeader,
  chainId: Digest,
  keyPair: KeyPair
): SignedDeltaHeader => ({
  header,
  signature: sign(DOMAIN, chainId, EPOCH, encodeDeltaHeader(header), keyPair)
})

export const verifyDeltaHeader = ({ header, signature }: SignedDeltaHeader, chainId: Digest): boolean =>
  verify(DOMAIN, chainId, EPOCH, encodeDeltaHeader(header), signature, header.trainer)
