/** What every model is: tensors by name, and a function that records it on a tape. */
import { MeshError } from '@gradmesh/core'
import { sumRows } from '../blocks/rows.ts'
import type { ModelConfig } from '../config.ts'
import type { Tape, Value } from '../tape.ts'
import type { ModelTensor } from '../types.ts'

/**
 * What a model is for. `causal`: the next token. `masked`: tokens picked out, and whether the second sentence
 * follows the first. `tokens`: a label for each token. `sequence`: a label for each sequence (or image).
 * `embedding`: no logits but a vector for each sequence, the last layer's rows weighed by the input `shares`.
 */
export type Head = 'causal' | 'masked' | 'tokens' | 'sequence' | 'embedding'

export interface BatchShape {
  readonly batch: number
  /** Tokens of a sequence; ignored for images. */
  readonly length: number
  /** `masked`: how many tokens of the batch are picked. */
  readonly picks?: number
  /** Record each layer so that its activations are computed again on the way back. */
  readonly checkpoint?: boolean
  /** One sequence whose keys and values are kept: the input `positions` says where the tokens stand. */
  readonly cached?: boolean
}

/**
 * A result (rows, columns). Labels and weights of `logits` are the inputs `labels` and `weights`, those of `next`
 * `next.labels` and `next.weights`; `embedding` has none.
 */
export interface Output {
  readonly name: 'logits' | 'next' | 'embedding'
  readonly value: Value
  readonly rows: number
  readonly columns: number
}

export interface Model {
  readonly config: ModelConfig
  readonly head: Head
  readonly tensors: readonly ModelTensor[]
  /** alpha / rank where the model has LoRA adapters. */
  readonly adapterScale: number
  /** Records the model on a tape of its tensors. */
  outputs(t: Tape, shape: BatchShape): readonly Output[]
}

export const UNIT = 2 ** 24

/** Uniform between ±spread · √3, which has the standard deviation `spread`. */
const spreadBound = (spread: number): number => Math.round(spread * Math.sqrt(3) * UNIT)

export const drawn = (name: string, shape: readonly number[], spread: number): ModelTensor => ({
  name,
  shape,
  trainable: true,
  initBound: spreadBound(spread),
  initOffset: 0
})
export const zeros = (name: string, shape: readonly number[]): ModelTensor => drawn(name, shape, 0)
export const ones = (name: string, shape: readonly number[]): ModelTensor => ({
  ...zeros(name, shape),
  initOffset: UNIT
})

/** `name.weight` (outputs, inputs) and `name.bias`. */
export const dense = (
  name: string,
  outputs: number,
  inputs: number,
  { spread, bias = true }: { readonly spread: number; readonly bias?: boolean }
): ModelTensor[] => [
  drawn(`${name}.weight`, [outputs, inputs], spread),
  ...(bias ? [zeros(`${name}.bias`, [outputs])] : [])
]

export const layerNormTensors = (name: string, width: number): ModelTensor[] => [
  ones(`${name}.weight`, [width]),
  zeros(`${name}.bias`, [width])
]

export const unsupportedHead = (type: string, head: Head): never => {
  throw new MeshError('MODEL_HEAD', `a model of type ${type} has no head for ${head}`, {
    remedy: 'choose another model_type or another task',
    data: { type, head }
  })
}

/** Where each token of a batch stands: 0 … length − 1 again and again. */
export const positionsOf = (t: Tape, { batch, length, cached }: BatchShape): Value =>
  cached === true
    ? t.input('u32', 'positions', length)
    : t.constant(`positions ${batch} ${length}`, () =>
        Uint32Array.from({ length: batch * length }, (_, i) => i % length)
      )

/** The input `shares` f32 (batch · length): what each row of x counts; 0 for padding. */
export const embedded = (t: Tape, x: Value, { batch, length }: BatchShape): readonly Output[] => {
  const width = x.length / batch / length
  const value = sumRows(t, x, t.input('f32', 'shares', batch * length), { batch, length, width })
  return [{ name: 'embedding', value, rows: batch, columns: width }]
}
