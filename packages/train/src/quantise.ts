/**
 * The border between floats and integers. What a GPU proposed goes through `quantise` into the shared
 * integers, unit 2^-32; the exact weights, unit 2^-24, come back to it through `floatView`.
 */
const INT32_MAX = 2 ** 31 - 1
const INT32_MIN = -(2 ** 31)

export interface Quantised {
  /** Unit 2^-32, saturating at the ends of int32. */
  readonly values: Int32Array
  /** How many entries were NaN or infinite; they count as 0. */
  readonly notFinite: number
}

/** Rounds to the nearest, halves away from zero, so that `quantise(-x)` is `-quantise(x)` below saturation. */
export const quantise = (difference: Float32Array): Quantised => {
  const values = new Int32Array(difference.length)
  let notFinite = 0
  for (let i = 0; i < difference.length; i++) {
    const scaled = difference[i]! * 2 ** 32
    if (!Number.isFinite(scaled)) {
      notFinite++
      continue
    }
    const nearest = scaled < 0 ? Math.ceil(scaled - 0.5) : Math.floor(scaled + 0.5)
    values[i] = Math.min(INT32_MAX, Math.max(INT32_MIN, nearest))
  }
  return { values, notFinite }
}

/** The nearest f32 to each master weight (unit 2^-24), the same on every machine. */
export const floatView = (weights: Int32Array): Float32Array => {
  const view = new Float32Array(weights.length)
  for (let i = 0; i < weights.length; i++) view[i] = weights[i]! * 2 ** -24
  return view
}

const UNIT = 2 ** 24

/** Published weights as master weights, unit 2^-24: the nearest, halves away from zero, saturating. */
export const quantiseWeights = (weights: Float32Array): Int32Array =>
  Int32Array.from(weights, weight => {
    const scaled = weight * UNIT
    const nearest = scaled < 0 ? Math.ceil(scaled - 0.5) : Math.floor(scaled + 0.5)
    return Math.min(INT32_MAX, Math.max(INT32_MIN, nearest))
  })
