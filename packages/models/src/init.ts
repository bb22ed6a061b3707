/** Weights to start from: integers out of a seed, so that every machine has the same. */
import { Prng, sha256, utf8 } from '@gradmesh/core'
import { elements, type ModelTensor } from './types.ts'
import type { Variables } from './variables.ts'

/** Unit 2^-24, as f32; each tensor's draws follow from the seed and its name alone. */
export const initialWeights = (tensor: ModelTensor, seed: Uint8Array): Float32Array => {
  const { name, initBound, initOffset } = tensor
  const weights = new Float32Array(elements(tensor)).fill(initOffset * 2 ** -24)
  if (initBound === 0) return weights
  const prng = new Prng(sha256(seed, utf8(name)))
  for (let i = 0; i < weights.length; i++) {
    weights[i] = (initOffset + prng.below(2 * initBound + 1) - initBound) * 2 ** -24
  }
  return weights
}

/** Writes all initial weights of a model. */
export const initialise = (tensors: readonly ModelTensor[], variables: Variables, seed: Uint8Array): void => {
  for (const tensor of tensors) variables.write(tensor.name, initialWeights(tensor, seed))
}
