/**
 * One step of the walk from the genesis to the validators of today: a final header of an epoch, its
 * certificate, and the sets that the header's state root commits to. Whoever knows the epoch's set checks
 * the certificate and learns the next set. At most 24 KiB, whatever the registry and the model.
 */
import type { Fault } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import { decodeCertificate, encodeCertificate } from './certificate.ts'
import type { WireFault } from './faults.ts'
import { digest } from './fields.ts'
import { headerShape } from './header.ts'
import { bytes, embedded, record } from './shape.ts'
import type { EpochProof } from './types.ts'

const codec = cborCodec<EpochProof>({
  name: 'epoch proof',
  shape: record<EpochProof>({
    header: headerShape,
    certificate: embedded(encodeCertificate, decodeCertificate),
    sets: bytes(0, BOUNDS.setsBytesMax),
    registry: digest,
    weights: digest
  }),
  bytesMax: BOUNDS.epochProofBytesMax,
  itemsMax: 64,
  protocolAt: ['header', 'protocol']
})

export const encodeEpochProof = (proof: EpochProof): Uint8Array => codec.encode(proof)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_PROTOCOL, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL, and those of the certificate. */
export const decodeEpochProof = (input: Uint8Array): EpochProof | Fault<WireFault> => codec.decode(input)
