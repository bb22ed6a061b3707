/** Shapes that many messages use. */
import { DIGEST_BYTES, KEY_BYTES, SIGNATURE_BYTES } from './binary.ts'
import { BOUNDS } from './bounds.ts'
import { bytes, integer } from './shape.ts'
import { PROTOCOL_VERSION } from './types.ts'

export const protocol = integer(PROTOCOL_VERSION, PROTOCOL_VERSION)
export const counter = integer(0, BOUNDS.counterMax)
export const digest = bytes(DIGEST_BYTES)
export const publicKey = bytes(KEY_BYTES)
export const signature = bytes(SIGNATURE_BYTES)
export const validatorIndex = integer(0, BOUNDS.validatorsMax - 1)
export const trainerIndex = integer(0, BOUNDS.trainersMax - 1)
