/**
 * One bit an index, bit i in byte i >> 3 at position i & 7. A bitmap over n things has exactly
 * ceil(n / 8) bytes and its spare bits are zero, so a set has one encoding.
 */
import { assert } from '@gradmesh/core'

export const bitmapBytes = (length: number): number => (length + 7) >> 3

export const bitmapOf = (length: number, indices: Iterable<number>): Uint8Array => {
  const bitmap = new Uint8Array(bitmapBytes(length))
  for (const i of indices) {
    assert(Number.isInteger(i) && i >= 0 && i < length, `bit ${i} lies in 0..${length - 1}`)
    bitmap[i >> 3]! |= 1 << (i & 7)
  }
  return bitmap
}

/** False past the end. */
export const bitmapHas = (bitmap: Uint8Array, i: number): boolean =>
  ((bitmap[i >> 3] ?? 0) >> (i & 7)) % 2 === 1

/** Ascending. */
export const bitmapIndices = (bitmap: Uint8Array): number[] => {
  const indices: number[] = []
  for (let i = 0; i < 8 * bitmap.length; i++) if (bitmapHas(bitmap, i)) indices.push(i)
  return indices
}

export const bitmapCount = (bitmap: Uint8Array): number => {
  let count = 0
  for (let byte of bitmap) for (; byte !== 0; byte &= byte - 1) count++
  return count
}

/** Whether this is a bitmap over `length` things: the right size, spare bits zero. */
export const isBitmapOver = (bitmap: Uint8Array, length: number): boolean =>
  bitmap.length === bitmapBytes(length) &&
  (length % 8 === 0 || bitmap[bitmap.length - 1]! >> (length % 8) === 0)
