/**
 * A chunk's scale is m * 2^e with m < 2^11 and e <= 18, so that 3 * scale stays inside an int32. On
 * the wire it is a u16, e in the upper five bits. One value has one encoding: the top bit of m is set
 * unless e is 0.
 */
const MANTISSA_BITS = 11
export const EXPONENT_MAX = 18
const MANTISSA_LIMIT = 1 << MANTISSA_BITS
const MANTISSA_TOP = MANTISSA_LIMIT >> 1
export const SCALE_MAX = (MANTISSA_LIMIT - 1) * 2 ** EXPONENT_MAX

/** The scale nearest to a non-negative integer below 2^32 (halves go up). */
export const nearestScale = (value: number): number => {
  if (value >= SCALE_MAX) return SCALE_MAX
  const exponent = Math.max(0, 32 - Math.clz32(value) - MANTISSA_BITS)
  const half = exponent === 0 ? 0 : 1 << (exponent - 1)
  // Rounding may carry m to 2^11: the same number with the next exponent, still a scale.
  return ((value + half) >>> exponent) << exponent
}

/** `undefined` for a number that is no scale. */
export const encodeScale = (scale: number): number | undefined => {
  if (scale > SCALE_MAX) return undefined
  const exponent = Math.max(0, 32 - Math.clz32(scale) - MANTISSA_BITS)
  const mantissa = scale >>> exponent
  return mantissa << exponent === scale ? (exponent << MANTISSA_BITS) | mantissa : undefined
}

/** `undefined` for a u16 that is no scale, or not the shortest form of one. */
export const decodeScale = (code: number): number | undefined => {
  const exponent = code >>> MANTISSA_BITS
  const mantissa = code & (MANTISSA_LIMIT - 1)
  if (exponent > EXPONENT_MAX || (exponent > 0 && mantissa < MANTISSA_TOP)) return undefined
  return mantissa << exponent
}
