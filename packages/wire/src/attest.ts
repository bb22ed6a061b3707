/**
 * body:   type u8 · zero u8 · protocol u16 · epoch u32 · round u32 · base 32 · setHash 32 ·
 *         bitmap length u16 · bitmap                                               (signed)
 * attest: body · validator u16 · signature 64
 */
import { assert, type Fault, once, putU16, putU32, u16At, u32At } from '@gradmesh/core'
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
import { bitmapBytes } from './bitmap.ts'
import { BOUNDS } from './bounds.ts'
import { asFault, refuse, type WireFault } from './faults.ts'
import { type KeyPair, sign, verify } from './keys.ts'
import type { Attest, AttestBody, Digest, PublicKey } from './types.ts'

const BASE_AT = 12
const SET_AT = BASE_AT + DIGEST_BYTES
const LENGTH_AT = SET_AT + DIGEST_BYTES
const BITMAP_AT = LENGTH_AT + 2
const TAIL_BYTES = 2 + SIGNATURE_BYTES
const BITMAP_BYTES_MAX = bitmapBytes(BOUNDS.trainersMax)
const DOMAIN = 'attest'

const writeBody = (bytes: Uint8Array, body: AttestBody): void => {
  assertUint(body.epoch, BOUNDS.counterMax, 'epoch')
  assertUint(body.round, BOUNDS.counterMax, 'round')
  assertBytes(body.base, DIGEST_BYTES, 'base')
  assertBytes(body.setHash, DIGEST_BYTES, 'setHash')
  assert(
    body.bitmap.length <= BITMAP_BYTES_MAX,
    `an attestation's bitmap has at most ${BITMAP_BYTES_MAX} bytes`
  )
  writeHead(bytes, MessageType.ATTEST)
  putU32(bytes, 4, body.epoch)
  putU32(bytes, 8, body.round)
  bytes.set(body.base, BASE_AT)
  bytes.set(body.setHash, SET_AT)
  putU16(bytes, LENGTH_AT, body.bitmap.length)
  bytes.set(body.bitmap, BITMAP_AT)
}

const encodeAttestBody = once((body: AttestBody): Uint8Array => {
  const bytes = new Uint8Array(BITMAP_AT + body.bitmap.length)
  writeBody(bytes, body)
  return bytes
})

export const encodeAttest = once((attest: Attest): Uint8Array => {
  assertUint(attest.validator, BOUNDS.validatorsMax - 1, 'validator')
  assertBytes(attest.signature, SIGNATURE_BYTES, 'signature')
  const bytes = new Uint8Array(BITMAP_AT + attest.bitmap.length + TAIL_BYTES)
  writeBody(bytes, attest)
  putU16(bytes, bytes.length - TAIL_BYTES, attest.validator)
  bytes.set(attest.signature, bytes.length - SIGNATURE_BYTES)
  return bytes
})

/**
 * The bits past the registry's end are for who knows the registry: check with `isBitmapOver`.
 * Faults: WIRE_LENGTH, WIRE_TYPE, WIRE_PROTOCOL, WIRE_PADDING, WIRE_BOUNDS, WIRE_RANGE.
 */
export const decodeAttest = (input: Uint8Array): Attest | Fault<WireFault> => {
  const bytes = plainBytes(input)
  const head = refuseHead(bytes, MessageType.ATTEST, 'attest', BITMAP_AT + TAIL_BYTES)
  if (head !== null) return asFault(head)
  if (bytes[1] !== 0) return asFault(refuse('WIRE_PADDING', 'attest: byte 1 is not zero'))
  const bitmapLength = u16At(bytes, LENGTH_AT)
  if (bitmapLength > BITMAP_BYTES_MAX) {
    return asFault(refuse('WIRE_BOUNDS', `attest.bitmap: ${bitmapLength} bytes, at most ${BITMAP_BYTES_MAX}`))
  }
  const tail = BITMAP_AT + bitmapLength
  if (bytes.length !== tail + TAIL_BYTES) {
    return asFault(refuse('WIRE_LENGTH', `attest: ${bytes.length} bytes, ${tail + TAIL_BYTES} wanted`))
  }
  const validator = u16At(bytes, tail)
  if (validator >= BOUNDS.validatorsMax) {
    return asFault(
      refuse('WIRE_RANGE', `attest.validator: ${validator}, below ${BOUNDS.validatorsMax} wanted`)
    )
  }
  return {
    epoch: u32At(bytes, 4),
    round: u32At(bytes, 8),
    base: bytes.slice(BASE_AT, SET_AT),
    setHash: bytes.slice(SET_AT, LENGTH_AT),
    bitmap: bytes.slice(BITMAP_AT, tail),
    validator,
    signature: bytes.slice(tail + 2)
  }
}

export const signAttest = (
  body: AttestBody,
  validator: number,
  chainId: Digest,
  keyPair: KeyPair
): Attest => {
  const { epoch, round, base, setHash, bitmap } = body
  const signature = sign(DOMAIN, chainId, epoch, encodeAttestBody(body), keyPair)
  return { epoch, round, base, setHash, bitmap, validator, signature }
}

/** `validatorKeys`: the keys of the attestation's epoch, in order. */
export const verifyAttest = (
  attest: Attest,
  validatorKeys: readonly PublicKey[],
  chainId: Digest
): boolean => {
  const key = validatorKeys[attest.validator]
  return (
    key !== undefined &&
    verify(DOMAIN, chainId, attest.epoch, encodeAttestBody(attest), attest.signature, key)
  )
}
