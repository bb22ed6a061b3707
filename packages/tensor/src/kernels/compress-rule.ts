/**
 * A delta without leaving the GPU: `quantiseI32` the pseudo-gradient, `accumulateError`, `selectTop`, and once
 * the delta is accepted `debitError`. Integers throughout, the same bits as the codec's `compress` and
 * `debit` (a test of the training package holds them equal). Here is what these kernels share.
 */

/** `keep` entries of each chunk of `chunk` values. */
export type Chunks = { readonly chunks: number; readonly chunk: number; readonly keep: number }

const INT32_MAX = 2 ** 31 - 1
export const INT32_MIN = -(2 ** 31)
export const saturate = (value: number): number => Math.min(INT32_MAX, Math.max(INT32_MIN, value))
export const anyInt32 = (prng: { u32(): number }): number => prng.u32() | 0

/** Sums that end at the ends of i32. */
export const SATURATED = `
fn addSaturated(a: vec4i, b: vec4i) -> vec4i {
  let sum = a + b;
  let end = select(vec4i(0x7fffffff), vec4i(-0x7fffffff - 1), a < vec4i());
  return select(sum, end, ((a ^ sum) & (b ^ sum)) < vec4i());
}`
