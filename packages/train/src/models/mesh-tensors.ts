/** A model's trainable tensors as the genesis lists them, and what they start from. */
import { elements, type Model } from '@gradmesh/models'
import { quantiseWeights } from '../quantise.ts'
import type { ModelTensor } from '../types.ts'
import { trainable } from './weights.ts'

/** `pretrained`: all of them start from published values. */
export const meshTensors = (model: Model, pretrained = false): readonly ModelTensor[] =>
  trainable(model).map(({ name, shape, initBound, initOffset }) => {
    const based = pretrained || initOffset !== 0
    return { name, shape, trainable: true, initBound: based ? 0 : initBound, based }
  })

/** Norms start at 1, which no draw around 0 gives; the rest from `pretrained` where it is there, unit 2^-24. */
export const meshBases = (
  model: Model,
  pretrained: ReadonlyMap<string, Float32Array> = new Map()
): ReadonlyMap<string, Int32Array> =>
  new Map(
    trainable(model).flatMap(tensor => {
      const values = pretrained.get(tensor.name)
      if (values !== undefined) return [[tensor.name, quantiseWeights(values)] as const]
      const { name, initOffset } = tensor
      return initOffset === 0 ? [] : [[name, new Int32Array(elements(tensor)).fill(initOffset)] as const]
    })
  )
