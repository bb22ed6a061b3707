/**
 * A perceptron with one hidden layer: relu(x W0^T + b0) W1^T + b1, then softmax. Its weights lie flat, in
 * the order W0 (hidden, inputs), b0 (hidden), W1 (outputs, hidden), b1 (outputs).
 */
import { MeshError } from '@gradmesh/core'
import type { LabelledData, ModelTensor } from '../types.ts'

export interface MlpShape {
  readonly inputs: number
  readonly hidden: number
  readonly outputs: number
}

/** Where each tensor starts in the flat weights, and how many there are in all. */
export interface MlpOffsets {
  readonly weight0: number
  readonly bias0: number
  readonly weight1: number
  readonly bias1: number
  readonly total: number
}

export const mlpOffsets = ({ inputs, hidden, outputs }: MlpShape): MlpOffsets => {
  const bias0 = hidden * inputs
  const weight1 = bias0 + hidden
  const bias1 = weight1 + outputs * hidden
  return { weight0: 0, bias0, weight1, bias1, total: bias1 + outputs }
}

export const mlpTensors = ({ inputs, hidden, outputs }: MlpShape): readonly ModelTensor[] => [
  {
    name: 'layers.0.weight',
    shape: [hidden, inputs],
    trainable: true,
    initBound: fanInBound(inputs),
    based: false
  },
  { name: 'layers.0.bias', shape: [hidden], trainable: true, initBound: 0, based: false },
  {
    name: 'layers.1.weight',
    shape: [outputs, hidden],
    trainable: true,
    initBound: fanInBound(hidden),
    based: false
  },
  { name: 'layers.1.bias', shape: [outputs], trainable: true, initBound: 0, based: false }
]

/** He's uniform bound sqrt(6 / fan-in) (He et al. 2015), unit 2^-24. */
const fanInBound = (fanIn: number): number => Math.round(2 ** 24 * Math.sqrt(6 / fanIn))

/** Throws `TRAIN_DATA` unless every sample fits the model: a wild label would index past the logits. */
export const checkData = (shape: MlpShape, data: LabelledData): void => {
  const { count, inputSize, inputs, labels } = data
  if (
    count < 1 ||
    inputSize !== shape.inputs ||
    inputs.length !== count * inputSize ||
    labels.length !== count
  )
    throw new MeshError('TRAIN_DATA', 'the data set does not have the shape that the model takes', {
      remedy: 'choose the task that belongs to this mesh',
      data: { count, inputSize, inputs: inputs.length, labels: labels.length, wantedInputSize: shape.inputs }
    })
  const wild = labels.findIndex(label => label >= shape.outputs)
  if (wild !== -1)
    throw new MeshError('TRAIN_DATA', `sample ${wild} has label ${labels[wild]}, past the last class`, {
      remedy: 'install the data set again',
      data: { sample: wild, label: labels[wild]!, classes: shape.outputs }
    })
  const bad = inputs.findIndex(value => !Number.isFinite(value))
  if (bad !== -1)
    throw new MeshError(
      'TRAIN_DATA',
      `sample ${Math.floor(bad / inputSize)} holds a value that is no number`,
      {
        remedy: 'install the data set again',
        data: { sample: Math.floor(bad / inputSize) }
      }
    )
}

/** Throws `TRAIN_WEIGHTS` unless there is one finite value for each parameter. */
export const checkWeights = (shape: MlpShape, weights: Float32Array): void => {
  const { total } = mlpOffsets(shape)
  if (weights.length !== total)
    throw new MeshError('TRAIN_WEIGHTS', `${weights.length} weights for a model of ${total}`, {
      remedy: 'choose the task that belongs to this mesh',
      data: { weights: weights.length, wanted: total }
    })
}

/** Throws `TRAIN_ROWS` unless there is at least one row and each names a sample. */
export const checkRows = (data: LabelledData, rows: Uint32Array): void => {
  const wild = rows.findIndex(row => row >= data.count)
  if (rows.length === 0 || wild !== -1)
    throw new MeshError('TRAIN_ROWS', 'a step wants rows that the training set does not have', {
      remedy: 'check that every peer of this mesh runs the same task and version',
      data: { rows: rows.length, wild: wild === -1 ? null : rows[wild]!, samples: data.count }
    })
}

/** Throws `TRAIN_ROWS` for a round that did nothing. */
export const checkSteps = (steps: number): void => {
  if (steps > 0) return
  throw new MeshError('TRAIN_ROWS', 'a round without a step has no result', {
    remedy: 'give every round at least one step'
  })
}
