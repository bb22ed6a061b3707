/**
 * The fixed binary form that votes, certificates, attestations and deltas share. Little-endian; each
 * starts with type u8 · flag u8 · protocol u16. Types lie below 0x80 and a dag-cbor map starts at 0xa0,
 * so no bytes are both, and digests of the two families cannot be confused.
 */
import { assert, putU16, u16At } from '@gradmesh/core'
import { type Refusal, refuse, refuseProtocol } from './faults.ts'
import { PROTOCOL_VERSION } from './types.ts'

export const MessageType = { VOTE: 1, CERTIFICATE: 2, ATTEST: 3, DELTA: 4 } as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

export const HEAD_BYTES = 4
export const DIGEST_BYTES = 32
export const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** A plain view: `slice` on a Node `Buffer` would share memory, on this it copies. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const writeHead = (
  bytes: Uint8Array,
  type: MessageType,
  flag = 0,
  protocol: number = PROTOCOL_VERSION
): void => {
  bytes[0] = type
  bytes[1] = flag
  putU16(bytes, 2, protocol)
}

/** What is wrong with the head of a message of `type` that has at least `bytesMin` bytes, or null. */
export const refuseHead = (
  bytes: Uint8Array,
  type: MessageType,
  name: string,
  bytesMin: number
): Refusal | null => {
  if (bytes.length < HEAD_BYTES) {
    return refuse('WIRE_LENGTH', `${name}: ${bytes.length} bytes, at least ${bytesMin} wanted`)
  }
  if (bytes[0] !== type) return refuse('WIRE_TYPE', `${name}: type ${bytes[0]}, ${type} wanted`)
  const protocol = u16At(bytes, 2)
  if (protocol !== PROTOCOL_VERSION) return refuseProtocol(protocol)
  if (bytes.length < bytesMin) {
    return refuse('WIRE_LENGTH', `${name}: ${bytes.length} bytes, at least ${bytesMin} wanted`)
  }
  return null
}

/** Writing what no decoder would take is a defect of the writer, so these assert. */
export const assertUint = (value: number, max: number, name: string): void =>
  assert(
    Number.isInteger(value) && value >= 0 && value <= max,
    `${name} is an integer in 0..${max}: ${value}`
  )

export const assertBytes = (value: Uint8Array, length: number, name: string): void =>
  assert(
    value instanceof Uint8Array && value.length === length,
    `${name} has ${length} bytes: ${value?.length}`
  )
