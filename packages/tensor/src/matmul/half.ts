/** f16 as it lies in pairs in u32: the lower half is the even element. */

/** The value of the 16 bits. */
const halfValue = (bits: number): number => {
  const sign = bits >>> 15 === 1 ? -1 : 1
  const exponent = (bits >>> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The bits of the nearest f16, ties to even; too large becomes infinite. */
export const halfBits = (value: number): number => {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const unit = 2 ** ((size === 0 ? -14 : exponent) - 10)
  const steps = roundEven(size / unit)
  // Rounding up to the next power carries into the exponent by itself.
  return sign | (steps + (size < 2 ** -14 ? 0 : (exponent + 14) * 1024))
}

const roundEven = (x: number): number => {
  const below = Math.floor(x)
  const rest = x - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}

/** `values`, two in a u32: what the product's option `half` reads as b. */
export const packHalves = (values: ArrayLike<number>): Uint32Array<ArrayBuffer> => {
  const packed = new Uint32Array(Math.ceil(values.length / 2))
  for (let i = 0; i < values.length; i++) packed[i >> 1]! |= halfBits(values[i]!) << (16 * (i & 1))
  return packed
}

/** Back again: `length` values. */
export const unpackHalves = (packed: ArrayLike<number>, length: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => halfValue((packed[i >> 1]! >>> (16 * (i & 1))) & 0xffff))
