/**
 * The payload of a delta: one bit stream over all chunks (lowest bit of a byte first), padded with
 * zeros to whole bytes. A chunk is
 *
 *     scale u16 · n times ( gap, code u2 )        n = min(keep, real length); nothing after scale 0
 *
 * A gap is the number of entries skipped since the one before, in Rice form: gap >> k ones, a zero,
 * then the k low bits. k follows from the chunk's shape alone (`riceBits`), so a value has one
 * encoding, and whatever decodes re-encodes to the same bytes. Codes 0..3 stand for -3, -1, 1, 3.
 */
import { assert, type Fault, fault } from '@gradmesh/core'
import { BitReader, BitWriter } from './bits.ts'
import { keptOf } from './layout.ts'
import { decodeScale, encodeScale } from './scale.ts'
import type { Delta, DeltaFault, Layout } from './types.ts'

const SCALE_BITS = 16
const CODE_BITS = 2

/**
 * The smallest k with 2^(k+1) * kept >= real. For gaps of random positions, mean m, the best k is the
 * smallest with 2^k * 2.08 >= m (Golomb 1966, Gallager and van Voorhis 1975).
 */
export const riceBits = (real: number, kept: number): number => {
  let bits = 0
  while (kept * 2 ** (bits + 1) < real) bits++
  return bits
}

/** No payload of this layout is longer: the bound for the network door. */
export const payloadBytesMax = (layout: Layout): number => {
  let bits = 0
  for (let c = 0; c < layout.chunks; c++) {
    const real = layout.realLengths[c]!
    const kept = keptOf(layout, c)
    const rice = riceBits(real, kept)
    bits += SCALE_BITS + kept * (1 + rice + CODE_BITS) + ((real - kept) >>> rice)
  }
  return Math.ceil(bits / 8)
}

/** The bytes of a delta that `compress` or `decodeDelta` made; anything else breaks an invariant. */
export const encodeDelta = (layout: Layout, delta: Delta): Uint8Array => {
  const { starts, scales, indices, codes } = delta
  assert(starts.length === layout.chunks + 1 && scales.length === layout.chunks, 'one scale a chunk')
  const writer = new BitWriter(payloadBytesMax(layout))
  for (let c = 0; c < layout.chunks; c++) {
    const real = layout.realLengths[c]!
    const kept = keptOf(layout, c)
    const rice = riceBits(real, kept)
    const scale = encodeScale(scales[c]!)
    assert(scale !== undefined, 'a scale is m * 2^e')
    assert(starts[c + 1]! - starts[c]! === (scale === 0 ? 0 : kept), 'a chunk names all entries or none')
    writer.write(scale, SCALE_BITS)
    let next = 0
    for (let at = starts[c]!; at < starts[c + 1]!; at++) {
      const gap = indices[at]! - next
      const code = (codes[at]! + 3) / 2
      assert(gap >= 0 && indices[at]! < real, 'indices rise inside the real tensor')
      assert(code === 0 || code === 1 || code === 2 || code === 3, 'a code is -3, -1, 1 or 3')
      for (let ones = gap >>> rice; ones > 0; ones--) writer.write(1, 1)
      writer.write(0, 1)
      writer.write(gap & ((1 << rice) - 1), rice)
      writer.write(code, CODE_BITS)
      next = indices[at]! + 1
    }
  }
  return writer.finish()
}

/**
 * Any bytes in, no exception. Takes memory for the layout's entries (3 bytes each) at most.
 *
 * `DELTA_LENGTH`: too short, too long or bytes left over. `DELTA_SCALE`: not the one form of a scale.
 * `DELTA_RICE`: a gap that no index of the chunk could have. `DELTA_INDEX`: an index past the real
 * tensor, or one that leaves no room for the rest. `DELTA_PADDING`: unused bits that are not zero.
 */
export const decodeDelta = (layout: Layout, bytes: Uint8Array): Delta | Fault<DeltaFault> => {
  if (bytes.length < (layout.chunks * SCALE_BITS) / 8) return fault('DELTA_LENGTH', 'too short')
  if (bytes.length > payloadBytesMax(layout)) return fault('DELTA_LENGTH', 'too long')
  const reader = new BitReader(bytes)
  const starts = new Uint32Array(layout.chunks + 1)
  const scales = new Uint32Array(layout.chunks)
  let entries = 0
  for (let c = 0; c < layout.chunks; c++) entries += keptOf(layout, c)
  const indices = new Uint16Array(entries)
  const codes = new Int8Array(entries)
  let at = 0
  for (let c = 0; c < layout.chunks; c++) {
    const scale = decodeScale(reader.read(SCALE_BITS))
    if (reader.isOverrun) return fault('DELTA_LENGTH', 'too short')
    if (scale === undefined) return fault('DELTA_SCALE')
    scales[c] = scale
    if (scale !== 0) {
      const real = layout.realLengths[c]!
      const kept = keptOf(layout, c)
      const rice = riceBits(real, kept)
      let next = 0
      for (let left = kept; left > 0; left--) {
        // The indices after this one need room too.
        const room = real - left - next
        const onesMax = room >>> rice
        const ones = reader.ones(onesMax + 1)
        if (reader.isOverrun) return fault('DELTA_LENGTH', 'too short')
        if (ones > onesMax) return fault('DELTA_RICE')
        const gap = (ones << rice) | reader.read(rice)
        if (gap > room) return fault('DELTA_INDEX')
        indices[at] = next + gap
        codes[at] = 2 * reader.read(CODE_BITS) - 3
        next += gap + 1
        at++
      }
      if (reader.isOverrun) return fault('DELTA_LENGTH', 'too short')
    }
    starts[c + 1] = at
  }
  if (reader.bytesLeft > 0) return fault('DELTA_LENGTH', 'too long')
  if (reader.tail !== 0) return fault('DELTA_PADDING')
  return { starts, scales, indices: indices.slice(0, at), codes: codes.slice(0, at) }
}
