import type { Prng } from '@gradmesh/core'
import type { ArraySpec } from '../../src/index.ts'
import { HOST_ARRAYS } from '../../src/runtime/tensor.ts'

/** Test values as the spec says; f32 values, so that float64 and the device start from the same. */
export const filled = (
  { type, length, fill }: ArraySpec,
  prng: Prng
): Float32Array | Uint32Array | Int32Array => {
  const draw = fill ?? (random => random.below(2 ** 24) / 2 ** 23 - 1)
  const values = new HOST_ARRAYS[type](length)
  for (let i = 0; i < length; i++) values[i] = draw(prng, i)
  return values
}

/** The first element outside the tolerance, said in words; undefined when all are inside. */
export const firstDifference = (
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { rtol, atol }: { readonly rtol: number; readonly atol: number }
): string | undefined => {
  for (let i = 0; i < want.length; i++) {
    const inside =
      Object.is(got[i], want[i]) || Math.abs(got[i]! - want[i]!) <= atol + rtol * Math.abs(want[i]!)
    if (!inside) return `element ${i}: got ${got[i]}, want ${want[i]}`
  }
  return got.length === want.length ? undefined : `${got.length} elements, want ${want.length}`
}

/** How far the farthest element is from its value, and as a share of what it may be; an exact kernel's share is 0. */
export const farthest = (
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { rtol, atol }: { readonly rtol: number; readonly atol: number }
): { readonly error: number; readonly share: number } => {
  let [error, share] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    const off = Object.is(got[i], want[i]) ? 0 : Math.abs(got[i]! - want[i]!)
    error = Math.max(error, off)
    if (off > 0) share = Math.max(share, off / (atol + rtol * Math.abs(want[i]!)))
  }
  return { error, share }
}
