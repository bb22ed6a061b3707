/**
 * Hostile inputs out of good ones: bits turned, lengths that lie, parts cut, doubled, moved or taken from another
 * message, and dag-cbor items written in ways that no encoder would.
 */
import { concatBytes, type Prng } from '@gradmesh/core'
import { itemsOf } from './cbor-items.ts'

type Mutator = (bytes: Uint8Array, prng: Prng, others: readonly Uint8Array[]) => Uint8Array

const EDGES = [0, 1, 0x17, 0x18, 0x1b, 0x1f, 0x3b, 0x5b, 0x5f, 0x7b, 0x7f, 0x80, 0x9b, 0x9f, 0xa0, 0xbb, 0xbf]
const HEADS = [...EDGES, 0xc2, 0xd8, 0xf4, 0xf6, 0xf7, 0xf9, 0xfa, 0xfb, 0xfe, 0xff]
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

const below = (prng: Prng, bound: number): number => prng.below(Math.max(1, bound))

const flip: Mutator = (bytes, prng) => {
  for (let flips = 1 + prng.below(4); flips > 0; flips--)
    bytes[below(prng, bytes.length)]! ^= 1 << prng.below(8)
  return bytes
}

const set: Mutator = (bytes, prng) => {
  bytes[below(prng, bytes.length)] = prng.oneIn(4) ? prng.below(256) : prng.pick(HEADS)
  return bytes
}

/** A number somewhere, in either byte order, at an edge or one beside what it was. */
const lie: Mutator = (bytes, prng) => {
  const size = prng.pick([1, 2, 4, 8])
  if (bytes.length < size) return bytes
  const at = prng.below(bytes.length - size + 1)
  const little = prng.oneIn(2)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = prng.pick(NUMBERS)
  if (size === 1) view.setUint8(at, prng.oneIn(2) ? number : view.getUint8(at) + (prng.oneIn(2) ? 1 : -1))
  else if (size === 2)
    view.setUint16(at, prng.oneIn(2) ? number : view.getUint16(at, little) + (prng.oneIn(2) ? 1 : -1), little)
  else if (size === 4)
    view.setUint32(at, prng.oneIn(2) ? number : view.getUint32(at, little) + (prng.oneIn(2) ? 1 : -1), little)
  else view.setBigUint64(at, prng.oneIn(2) ? 2n ** 64n - 1n : BigInt(number), little)
  return bytes
}

const cut: Mutator = (bytes, prng) => bytes.subarray(0, prng.below(bytes.length + 1))

const extend: Mutator = (bytes, prng) =>
  concatBytes(bytes, prng.oneIn(2) ? new Uint8Array(1 + prng.below(40)) : prng.bytes(1 + prng.below(40)))

const range = (bytes: Uint8Array, prng: Prng): [number, number] => {
  const start = prng.below(bytes.length + 1)
  return [start, Math.min(bytes.length, start + prng.below(prng.oneIn(4) ? 256 : 16))]
}

const remove: Mutator = (bytes, prng) => {
  const [start, end] = range(bytes, prng)
  return concatBytes(bytes.subarray(0, start), bytes.subarray(end))
}

const double: Mutator = (bytes, prng) => {
  const [start, end] = range(bytes, prng)
  return concatBytes(bytes.subarray(0, end), bytes.subarray(start))
}

const repeat: Mutator = (bytes, prng) => {
  const [start, end] = range(bytes, prng)
  const part = bytes.subarray(start, end)
  return concatBytes(
    bytes.subarray(0, end),
    ...Array.from({ length: prng.below(64) }, () => part),
    bytes.subarray(end)
  )
}

const splice: Mutator = (bytes, prng, others) => {
  const other = prng.pick(others)
  const [start, end] = range(bytes, prng)
  const [from, to] = range(other, prng)
  return concatBytes(bytes.subarray(0, start), other.subarray(from, to), bytes.subarray(end))
}

const join: Mutator = (bytes, prng, others) => {
  const other = prng.pick(others)
  return concatBytes(
    bytes.subarray(0, prng.below(bytes.length + 1)),
    other.subarray(prng.below(other.length + 1))
  )
}

/** Another head for a dag-cbor item: longer than needed, another type, another count. */
const head: Mutator = (bytes, prng) => {
  const items = itemsOf(bytes)
  if (items.length === 0) return bytes
  const { start, body, major } = prng.pick(items)
  const argument = body === start + 1 ? bytes[start]! & 31 : bytes[body - 1]!
  const heads = [
    [(major << 5) | 24, argument],
    [(major << 5) | 25, 0, argument],
    [(major << 5) | 26, 0xff, 0xff, 0xff, argument],
    [(major << 5) | 27, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [(major << 5) | 31],
    [(prng.below(8) << 5) | (bytes[start]! & 31)],
    [(major << 5) | ((argument + 1) & 23)],
    [(major << 5) | ((argument + 22) & 23)]
  ]
  return concatBytes(bytes.subarray(0, start), Uint8Array.from(prng.pick(heads)), bytes.subarray(body))
}

/** dag-cbor items left out, doubled, exchanged, or put inside one another. */
const rearrange: Mutator = (bytes, prng) => {
  const items = itemsOf(bytes)
  if (items.length === 0) return bytes
  const a = prng.pick(items)
  const b = prng.pick(items)
  const part = ({ start, end }: { start: number; end: number }) => bytes.subarray(start, end)
  const put = (place: { start: number; end: number }, ...parts: Uint8Array[]) =>
    concatBytes(bytes.subarray(0, place.start), ...parts, bytes.subarray(place.end))
  switch (prng.below(6)) {
    case 0:
      return put(a)
    case 1:
      return put(a, part(a), part(a))
    case 2:
      return put(a, part(b))
    case 3:
      return put(a, new Uint8Array(1 + prng.below(20)).fill(0x81), part(a))
    case 4:
      return put(
        a,
        Uint8Array.from(
          prng.pick([
            [0xf6],
            [0xf5],
            [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0],
            [0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
            [0xd8, 0x2a, 0x41, 0],
            [0x80],
            [0xa0],
            [0x40],
            [0x60]
          ])
        )
      )
    default:
      return put(
        a,
        Uint8Array.of(0x9a, 0, 0, prng.below(256), prng.below(256)),
        new Uint8Array(prng.below(2_000)).fill(0x80)
      )
  }
}

const mutators: readonly Mutator[] = [
  flip,
  flip,
  set,
  set,
  lie,
  lie,
  cut,
  extend,
  remove,
  double,
  repeat,
  splice,
  join,
  head,
  head,
  rearrange,
  rearrange
]

const LONG_BYTES = 2_048
/** Long inputs cost the most and show little that short ones don't: one in so many of them is taken. */
const LONG_TAKEN = 8

const pickOne = (corpus: readonly Uint8Array[], prng: Prng): Uint8Array => {
  const input = prng.pick(corpus)
  return input.length > LONG_BYTES && !prng.oneIn(LONG_TAKEN) ? prng.pick(corpus) : input
}

/** One to four mutations of one of `corpus`, at most `bytesMax` long. */
export const mutate = (corpus: readonly Uint8Array[], prng: Prng, bytesMax: number): Uint8Array => {
  let bytes: Uint8Array = pickOne(corpus, prng).slice()
  for (let rounds = 1 + prng.below(prng.oneIn(2) ? 1 : 4); rounds > 0; rounds--) {
    if (bytes.length === 0) bytes = prng.bytes(1 + prng.below(8))
    bytes = prng.pick(mutators)(bytes, prng, corpus)
  }
  return bytes.subarray(0, bytesMax)
}
