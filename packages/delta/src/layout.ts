/**
 * Tensors lie one after another, each starting on a chunk and zero-padded to whole chunks, so that a
 * chunk never mixes two tensors and a chunk of weights is one 16 KiB leaf of the state root.
 */
import { MeshError } from '@gradmesh/core'
import type { Layout } from './types.ts'

/** Indices are 16 bits in memory, so a chunk has at most this many entries. */
const CHUNK_MAX = 65_535
/** What `bestScale` can compare exactly. */
export const KEEP_MAX = 4_096

/** Any typed array of numbers: int32 weights and errors, or the view of them that a GPU gets. */
interface Numbers {
  readonly length: number
  subarray(begin: number, end: number): Numbers
  set(source: ArrayLike<number>, offset: number): void
}

/** Throws `DELTA_LAYOUT` for shapes that no genesis should have. */
export const makeLayout = (
  tensors: readonly { readonly name: string; readonly length: number }[],
  { chunk, keep }: { readonly chunk: number; readonly keep: number }
): Layout => {
  const wrong = (message: string): MeshError =>
    new MeshError('DELTA_LAYOUT', message, { remedy: 'correct the genesis', data: { chunk, keep } })
  if (!isWithin(chunk, 1, CHUNK_MAX)) throw wrong(`chunk must be an integer in 1..${CHUNK_MAX}`)
  if (!isWithin(keep, 1, Math.min(chunk, KEEP_MAX))) {
    throw wrong(`keep must be an integer in 1..min(chunk, ${KEEP_MAX})`)
  }
  let chunks = 0
  const placed = tensors.map(({ name, length }) => {
    if (!isWithin(length, 1, 2 ** 31)) throw wrong(`tensor ${name} needs a length in 1..2^31`)
    const tensor = { name, length, firstChunk: chunks, chunks: Math.ceil(length / chunk) }
    chunks += tensor.chunks
    return tensor
  })
  if (chunks === 0) throw wrong('a model needs at least one tensor')
  const realLengths = new Uint16Array(chunks).fill(chunk)
  for (const { length, firstChunk, chunks: own } of placed) {
    realLengths[firstChunk + own - 1] = length - (own - 1) * chunk
  }
  return { chunk, keep, tensors: placed, chunks, realLengths }
}

/** Entries of the flat array with padding. */
export const paddedLength = (layout: Layout): number => layout.chunks * layout.chunk

/** Entries of the flat array without padding: the model's parameters. */
export const realLength = (layout: Layout): number =>
  layout.tensors.reduce((sum, { length }) => sum + length, 0)

/** How many entries a chunk names unless its scale is 0. */
export const keptOf = (layout: Layout, chunk: number): number =>
  Math.min(layout.keep, layout.realLengths[chunk]!)

/** From tensors back to back to tensors on chunks; the padding is zero. */
export const pack = <T extends Numbers>(layout: Layout, flat: T): T => {
  requireLength(flat, realLength(layout))
  const padded = alike(flat, paddedLength(layout))
  let from = 0
  for (const { length, firstChunk } of layout.tensors) {
    padded.set(flat.subarray(from, from + length) as never, firstChunk * layout.chunk)
    from += length
  }
  return padded
}

/** The inverse of `pack`: drops the padding. */
export const unpack = <T extends Numbers>(layout: Layout, padded: T): T => {
  requireLength(padded, paddedLength(layout))
  const flat = alike(padded, realLength(layout))
  let to = 0
  for (const { length, firstChunk } of layout.tensors) {
    const from = firstChunk * layout.chunk
    flat.set(padded.subarray(from, from + length) as never, to)
    to += length
  }
  return flat
}

const alike = <T extends Numbers>(array: T, length: number): T =>
  new (array.constructor as new (length: number) => T)(length)

const requireLength = (array: Numbers, length: number): void => {
  if (array.length !== length) {
    throw new MeshError('DELTA_LAYOUT', `an array of ${array.length} entries for a layout of ${length}`, {
      remedy: 'use the layout of this genesis'
    })
  }
}

const isWithin = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high
