/**
 * GELU (Hendrycks and Gimpel, 2016): x Φ(x), through erf (`exact`) or in its tanh form, which is
 * x · sigmoid(2u), u = √(2/π) (x + 0.044715 x³): one exponential and one division.
 */
import type { ArraySpec } from '../kernel.ts'
import { erf64, literal, mathText } from '../math.ts'

const ROOT = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715

type Form = { readonly exact: boolean; readonly wide: boolean }

/** `gelu(x)` and `geluSlope(x)`. */
export const geluText = ({ exact, wide }: Form): string => {
  const w = wide ? 4 : 1
  const type = wide ? 'vec4f' : 'f32'
  return exact
    ? `${mathText(['erf'], [w])}
fn phi(x: ${type}) -> ${type} {
  let tail = 0.5 * erfc${w}(abs(x) * ${literal(Math.SQRT1_2)});
  return select(1.0 - tail, tail, x < ${type}());
}
fn gelu(x: ${type}) -> ${type} { return x * phi(x); }
fn geluSlope(x: ${type}) -> ${type} {
  return phi(x) + x * ${literal(1 / Math.sqrt(2 * Math.PI))} * exp${w}(-0.5 * x * x);
}`
    : `${mathText(['sigmoid'], [w])}
fn gelu(x: ${type}) -> ${type} {
  return x * sigmoid${w}(x * (${literal(2 * ROOT)} + ${literal(2 * ROOT * CUBIC)} * x * x));
}
fn geluSlope(x: ${type}) -> ${type} {
  let s = sigmoid${w}(x * (${literal(2 * ROOT)} + ${literal(2 * ROOT * CUBIC)} * x * x));
  return s + x * s * (1.0 - s) * (${literal(2 * ROOT)} + ${literal(6 * ROOT * CUBIC)} * x * x);
}`
}

export const geluOf = (x: number, exact: boolean): number =>
  exact ? 0.5 * x * (1 + erf64(x / Math.SQRT2)) : 0.5 * x * (1 + Math.tanh(ROOT * (x + CUBIC * x ** 3)))

export const geluSlopeOf = (x: number, exact: boolean): number => {
  if (exact) {
    return 0.5 * (1 + erf64(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
  }
  const tanh = Math.tanh(ROOT * (x + CUBIC * x ** 3))
  return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * ROOT * (1 + 3 * CUBIC * x * x)
}

export const GELU_ARRAYS = (
  { count, columns }: { readonly count: number; readonly columns: number },
  { bias = false }: { readonly bias?: boolean }
): Readonly<Record<string, ArraySpec>> => ({
  x: { type: 'f32', access: 'read', length: count, fill: prng => prng.below(2 ** 16) / 2 ** 12 - 8 },
  ...(bias && { bias: { type: 'f32', access: 'read', length: columns } as const })
})
