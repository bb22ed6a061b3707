/** A list of signed delta headers, one after another: each has the same size. */
import { concatBytes, type Fault, fault, isFault } from '@gradmesh/core'
import { decodeSignedDeltaHeader, encodeSignedDeltaHeader, SIGNED_DELTA_HEADER_BYTES, type SignedDeltaHeader } from '@gradmesh/wire'

const HEADERS_MAX = 4096

export const encodeHeaders = (headers: readonly SignedDeltaHeader[]): Uint8Array =>
  concatBytes(...headers.slice(0, HEADERS_MAX).map(encodeSignedDeltaHeader))

export const decodeHeaders = (bytes: Uint8Array): SignedDeltaHeader[] | Fault => {
  const count = bytes.length / SIGNED_DELTA_HEADER_BYTES
  if (!Number.isInteger(count) || count > HEADERS_MAX) return fault('WIRE_LENGTH')
  const headers: SignedDeltaHeader[] = []
  for (let i = 0; i < count; i++) {
    const header = decodeSignedDeltaHeader(bytes.subarray(i * SIGNED_DELTA_HEADER_BYTES, (i + 1) * SIGNED_DELTA_HEADER_BYTES))
    if (isFault(header)) return header
    headers.push(header)
  }
  return headers
}
