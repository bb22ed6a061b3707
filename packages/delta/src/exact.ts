/**
 * The one file of this package where integers beyond 32 bits live in doubles. A double holds every
 * integer up to 2^53 exactly, and sums, products and floored quotients of integers that stay below
 * that are exact too, on every machine and in any order. Each function says why it stays below.
 */
import { assert } from '@gradmesh/core'
import { paddedLength } from './layout.ts'
import { SCALE_MAX } from './scale.ts'
import type { Delta, Layout } from './types.ts'

/** The weights of one round's deltas sum to this at most: a share's unit is 2^-16. */
export const WEIGHT_TOTAL = 65_536

/** The outer rate may reach 256. */
export const OUTER_RATE_MAX_Q16 = 2 ** 24

const INT32_MAX = 2 ** 31 - 1
const INT32_MIN = -(2 ** 31)

export const saturate32 = (value: number): number =>
  value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value

/**
 * Weights after a round: w[j] = sat32(w[j] - floor((sum[j] * rate + 2^39) / 2^40)), weights of unit 2^-24, rate of unit
 * 2^-16, padded; with rate 1 (65,536) that is floor((sum[j] + 2^23) / 2^24). sum[j] is over the deltas
 * weight * code * scale, unit 2^-48. With weights that sum to 2^16 at most, |sum| <= 3 * 2047 * 2^18 * 2^16 < 2^47:
 * exact, so the order of arrival cannot matter. It is divided by the *total* weight (the shift), never by how many peers
 * named an entry: else a lone peer could move an entry that nobody else named by its full value.
 *
 * Chunk by chunk, so that the sums stay in the processor's nearest memory, and only where a delta names an entry.
 * Chunks that `isFrozen` stay, whatever a delta says about them.
 */
export const outerStep = (
  layout: Layout,
  weights: Int32Array,
  deltas: readonly { readonly delta: Delta; readonly weight: number }[],
  outerRateQ16: number,
  isFrozen: (chunk: number) => boolean = () => false
): Int32Array => {
  assert(weights.length === paddedLength(layout), 'the weights have the layout')
  assert(
    Number.isInteger(outerRateQ16) && outerRateQ16 >= 0 && outerRateQ16 <= OUTER_RATE_MAX_Q16,
    'the outer rate is an integer in 0..2^24'
  )
  let total = 0
  for (const { delta, weight } of deltas) {
    assert(delta.scales.length === layout.chunks, 'the delta has the layout')
    assert(Number.isInteger(weight) && weight >= 0, 'a weight is a non-negative integer')
    total += weight
  }
  assert(total <= WEIGHT_TOTAL, 'the weights sum to 2^16 at most')
  const stepped = new Int32Array(weights)
  const sums = new Float64Array(layout.chunk)
  for (let c = 0; c < layout.chunks; c++) {
    if (isFrozen(c)) continue
    for (const { delta, weight } of deltas) sumChunk(sums, delta, c, weight)
    const chunk = stepped.subarray(c * layout.chunk, (c + 1) * layout.chunk)
    for (const { delta } of deltas) stepChunk(chunk, sums, delta, c, outerRateQ16)
  }
  return stepped
}

const sumChunk = (sums: Float64Array, delta: Delta, c: number, weight: number): void => {
  const { starts, scales, indices, codes } = delta
  const unit = weight * scales[c]!
  const end = starts[c + 1]!
  for (let at = starts[c]!; at < end; at++) sums[indices[at]!]! += codes[at]! * unit
}

/** Steps the entries that the delta names, and takes their sums away: whoever names one too finds it done. */
const stepChunk = (
  weights: Int32Array,
  sums: Float64Array,
  { starts, indices }: Delta,
  c: number,
  outerRateQ16: number
): void => {
  const end = starts[c + 1]!
  for (let at = starts[c]!; at < end; at++) {
    const j = indices[at]!
    const sum = sums[j]!
    if (sum === 0) continue
    sums[j] = 0
    weights[j] = stepOne(weights[j]!, sum, outerRateQ16)
  }
}

/**
 * One entry of `outerStep`. sum * rate can pass 2^53, so sum is split as high * 2^20 + low, 0 <= low < 2^20:
 * floor((high * rate + floor((low * rate + 2^39) / 2^20)) / 2^20) is the same number. With |sum| < 2^47
 * and rate <= 2^24, |high * rate| < 2^51 and low * rate + 2^39 < 2^45.
 */
export const stepOne = (weight: number, sum: number, outerRateQ16: number): number => {
  const high = Math.floor(sum / 2 ** 20)
  const low = sum - high * 2 ** 20
  const carried = Math.floor((low * outerRateQ16 + 2 ** 39) / 2 ** 20)
  return saturate32(weight - Math.floor((high * outerRateQ16 + carried) / 2 ** 20))
}

/**
 * The positive integer s that makes the sum of (v - c * s)^2 least when every magnitude v takes the
 * better of the codes c = 1 and c = 3, at most `scaleMax`; 0 when it is nearer to 0 than to 1. Splits whose
 * best scale passes `scaleMax` are not taken, so for values above 5/2 of it the answer may not be the best.
 * `magnitudes` fall.
 *
 * For any s the values from 2s up take 3, so the best choice splits the sorted list: the first k take 3.
 * With S = 3 * (sum of those) + (sum of the others) and d = 8k + n, the best s for a split is S / d and
 * the error falls by S^2 / d. Splits are compared on the upper b bits of the values, so many that
 * S^2 * d < 2^(2b) * 81 * n^3 < 2^53: 14 bits up to n = 64, 5 at the largest, n = 2^12. The answer itself
 * comes from all bits: S < 2^32 * 3n < 2^46.
 */
export const bestScale = (magnitudes: Uint32Array, scaleMax: number = SCALE_MAX): number => {
  const n = magnitudes.length
  const lengthBits = Math.max(0, 32 - Math.clz32(n - 1) - 6)
  const bits = 14 - ((3 * lengthBits + 1) >> 1)
  const shift = Math.max(0, 32 - Math.clz32(magnitudes[0]!) - bits)
  let sum = 0
  let coarse = 0
  for (const v of magnitudes) {
    sum += v
    coarse += v >>> shift
  }
  let best = scaleMax
  let bestCoarse = 0
  let bestDivisor = 1
  for (let k = 0; k <= n; k++) {
    if (k > 0) {
      sum += 2 * magnitudes[k - 1]!
      coarse += 2 * (magnitudes[k - 1]! >>> shift)
    }
    const divisor = 8 * k + n
    const scale = Math.floor((2 * sum + divisor) / (2 * divisor))
    if (scale <= scaleMax && coarse * coarse * bestDivisor >= bestCoarse * bestCoarse * divisor) {
      best = scale
      bestCoarse = coarse
      bestDivisor = divisor
    }
  }
  return best
}
