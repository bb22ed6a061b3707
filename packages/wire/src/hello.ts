/** The first words on every connection. A peer of another protocol or another mesh is named, not guessed. */
import type { Fault } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import type { WireFault } from './faults.ts'
import { counter, digest, protocol } from './fields.ts'
import { record, text } from './shape.ts'
import type { Hello } from './types.ts'

const codec = cborCodec<Hello>({
  name: 'hello',
  shape: record<Hello>({ protocol, chainId: digest, height: counter, agent: text(BOUNDS.agentBytesMax) }),
  bytesMax: BOUNDS.requestBytesMax,
  itemsMax: 32,
  protocolAt: ['protocol']
})

export const encodeHello = (hello: Hello): Uint8Array => codec.encode(hello)

/** Faults: WIRE_PROTOCOL (before any other of shape), WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL. */
export const decodeHello = (bytes: Uint8Array): Hello | Fault<WireFault> => codec.decode(bytes)
