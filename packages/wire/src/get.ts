/** One thing asked for by its digest. The answer is raw bytes in pieces; what they are, the asker knows. */
import type { Fault } from '@gradmesh/core'
import { BOUNDS } from './bounds.ts'
import { cborCodec } from './cbor.ts'
import type { WireFault } from './faults.ts'
import { counter, digest } from './fields.ts'
import { integer, literal, record, variants } from './shape.ts'
import type { GetRequest } from './types.ts'

type Of<What extends GetRequest['what']> = Extract<GetRequest, { readonly what: What }>

const codec = cborCodec<GetRequest>({
  name: 'get',
  shape: variants<'what', GetRequest>('what', {
    genesis: record<Of<'genesis'>>({ what: literal('genesis') }),
    block: record<Of<'block'>>({ what: literal('block'), id: digest }),
    delta: record<Of<'delta'>>({
      what: literal('delta'),
      digest,
      // A delta is sent whole, header and signature too, so the last offset lies a little higher.
      offset: integer(0, BOUNDS.payloadBytesMax + 1_024)
    }),
    headers: record<Of<'headers'>>({ what: literal('headers'), round: counter }),
    checkpoint: record<Of<'checkpoint'>>({ what: literal('checkpoint') }),
    leaves: record<Of<'leaves'>>({
      what: literal('leaves'),
      height: counter,
      index: integer(0, BOUNDS.leavesMax - 1),
      count: integer(1, BOUNDS.leavesAtOnceMax)
    }),
    epoch: record<Of<'epoch'>>({ what: literal('epoch'), epoch: counter })
  }),
  bytesMax: BOUNDS.requestBytesMax,
  itemsMax: 16
})

export const encodeGetRequest = (request: GetRequest): Uint8Array => codec.encode(request)

/** Faults: WIRE_LENGTH, WIRE_CBOR, WIRE_SHAPE, WIRE_RANGE, WIRE_BOUNDS, WIRE_CANONICAL. */
export const decodeGetRequest = (bytes: Uint8Array): GetRequest | Fault<WireFault> => codec.decode(bytes)
