/**
 * AdamW (Loshchilov and Hutter, 2019) with bias correction. The corrections depend on the step count
 * alone, and 1 - 0.999 in f32 would lose four digits, so they are computed here in float64 and reach
 * the device as scalars.
 */
import type { ElementType } from '../kernel.ts'

export interface AdamwOptions {
  readonly rate: number
  /** 1 for the first step. */
  readonly step: number
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** Decoupled: w shrinks by rate · decay a step, whatever the gradient. */
  readonly decay?: number
}

export type AdamwScalars = {
  readonly beta1: number
  /** 1 - beta1 */
  readonly mix1: number
  readonly beta2: number
  /** 1 - beta2 */
  readonly mix2: number
  /** rate / (1 - beta1^step) */
  readonly stride: number
  /** 1 / sqrt(1 - beta2^step) */
  readonly correction: number
  readonly epsilon: number
  /** 1 - rate · decay */
  readonly shrink: number
}

/** The scalars of step number `step`. */
export const adamwScalars = ({
  rate,
  step,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  decay = 0
}: AdamwOptions): AdamwScalars => ({
  beta1,
  mix1: 1 - beta1,
  beta2,
  mix2: 1 - beta2,
  stride: rate / (1 - beta1 ** step),
  correction: 1 / Math.sqrt(1 - beta2 ** step),
  epsilon,
  shrink: 1 - rate * decay
})

export const ADAMW_SCALARS: { readonly [name in keyof AdamwScalars]: ElementType } = {
  beta1: 'f32',
  mix1: 'f32',
  beta2: 'f32',
  mix2: 'f32',
  stride: 'f32',
  correction: 'f32',
  epsilon: 'f32',
  shrink: 'f32'
}

const ADAMW_NAMES = { w: 'w', first: 'first', second: 'second', shrink: 'shrink' }

/** `first`, `second` and `w` at `at`, by the gradient `g`; elements are vec4 or f32. Names by `names`. */
export const adamwUpdate = (
  at: string,
  g: string,
  { w, first, second, shrink }: typeof ADAMW_NAMES = ADAMW_NAMES
): string => `
    let mean = scalars.beta1 * ${first}[${at}] + scalars.mix1 * ${g};
    let square = scalars.beta2 * ${second}[${at}] + scalars.mix2 * ${g} * ${g};
    ${first}[${at}] = mean;
    ${second}[${at}] = square;
    ${w}[${at}] = scalars.${shrink} * ${w}[${at}] - scalars.stride * mean / (sqrt(square) * scalars.correction + scalars.epsilon);`

/** One element in float64. */
export const adamwReference = (
  { w, first, second }: Readonly<Record<string, Float64Array>>,
  i: number,
  g: number,
  s: AdamwScalars
): void => {
  const mean = s.beta1 * first![i]! + s.mix1 * g
  const square = s.beta2 * second![i]! + s.mix2 * g * g
  first![i] = mean
  second![i] = square
  w![i] = s.shrink * w![i]! - (s.stride * mean) / (Math.sqrt(square) * s.correction + s.epsilon)
}

/** Weights and both moments as arrays of a dispatch; second moments are never negative. */
export const adamwArrays = (length: number) =>
  ({
    w: { type: 'f32', access: 'update', length },
    first: { type: 'f32', access: 'update', length },
    // Never zero: beside a first moment that is not, no run of AdamW gets there, and the quotient has no bound.
    second: { type: 'f32', access: 'update', length, fill: prng => (1 + prng.below(1024)) / 1024 }
  }) as const satisfies Readonly<Record<string, import('../kernel.ts').ArraySpec>>
