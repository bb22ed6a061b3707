import { type Fault, fault } from '@gradmesh/core'
import { PROTOCOL_VERSION } from './types.ts'

/** Why bytes are not a message. Meanings and remedies: README, "Codes". */
export type WireFault =
  | 'WIRE_LENGTH'
  | 'WIRE_TYPE'
  | 'WIRE_PROTOCOL'
  | 'WIRE_PADDING'
  | 'WIRE_RANGE'
  | 'WIRE_BOUNDS'
  | 'WIRE_CBOR'
  | 'WIRE_SHAPE'
  | 'WIRE_CANONICAL'
  | 'WIRE_HASH'

/**
 * How decoders say no to each other. A class, and not a `Fault`, because a hostile map can carry a
 * key named `fault` but never this prototype.
 */
export class Refusal {
  readonly code: WireFault
  readonly detail: string

  constructor(code: WireFault, detail: string) {
    this.code = code
    this.detail = detail
  }
}

export const refuse = (code: WireFault, detail: string): Refusal => new Refusal(code, detail)

export const asFault = ({ code, detail }: Refusal): Fault<WireFault> => fault(code, detail)

export const refuseProtocol = (theirs: number): Refusal =>
  refuse('WIRE_PROTOCOL', `the message speaks protocol ${theirs}, this peer speaks ${PROTOCOL_VERSION}`)
