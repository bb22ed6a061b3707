/** Weights: who voted, and whether that is more than two thirds of all stake. */
import type { Certificate } from '@gradmesh/wire'
import type { Validator } from './types.ts'

export const totalStake = (validators: readonly Validator[]): bigint =>
  validators.reduce((sum, { stake }) => sum + stake, 0n)

/** More than two thirds: exact, strict. */
export const isQuorum = (weight: bigint, total: bigint): boolean => 3n * weight > 2n * total

/** Bit `i` of a bitmap is bit `i mod 8`, lowest first, of byte `⌊i / 8⌋`. */
export const toBitmap = (indices: Iterable<number>, size: number): Uint8Array => {
  const bitmap = new Uint8Array((size + 7) >>> 3)
  for (const index of indices) bitmap[index >>> 3]! |= 1 << (index & 7)
  return bitmap
}

/** The indices of the set bits in rising order, or undefined when the bitmap is not one of `size` bits. */
export const fromBitmap = (bitmap: Uint8Array, size: number): number[] | undefined => {
  if (bitmap.length !== (size + 7) >>> 3) return undefined
  const indices: number[] = []
  for (let i = 0; i < 8 * bitmap.length; i++) {
    if ((bitmap[i >>> 3]! & (1 << (i & 7))) === 0) continue
    if (i >= size) return undefined
    indices.push(i)
  }
  return indices
}

/** The voters behind a certificate, or undefined when it is malformed or short of a quorum. */
export const signers = (
  certificate: Certificate,
  validators: readonly Validator[],
  total: bigint
): number[] | undefined => {
  const indices = fromBitmap(certificate.bitmap, validators.length)
  if (indices === undefined || indices.length !== certificate.signatures.length) return undefined
  const weight = indices.reduce((sum, index) => sum + validators[index]!.stake, 0n)
  return isQuorum(weight, total) ? indices : undefined
}
