/** What a model tells of itself before any weight exists. */

/** One tensor of a model, in Hugging Face's name and shape. */
export interface ModelTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly trainable: boolean
  /** Initial weights are initOffset + uniform integers in [-initBound, initBound], unit 2^-24. */
  readonly initBound: number
  /** Unit 2^-24: 2^24 for the weights of a norm, which start at 1. */
  readonly initOffset: number
}

export const elements = ({ shape }: { readonly shape: readonly number[] }): number =>
  shape.reduce((a, b) => a * b, 1)
