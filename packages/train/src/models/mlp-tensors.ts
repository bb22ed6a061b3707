/** What a perceptron keeps on the device, and the forward pass that training and evaluation share. */
import { type Device, matmulNT, type Recording, type Tensor } from '@gradmesh/tensor'
import { type MlpShape, mlpOffsets } from './mlp-shape.ts'

/** One f32 for each weight: the weights themselves, or a moment of them. */
export class Parameters {
  readonly named: Readonly<Record<'weight0' | 'bias0' | 'weight1' | 'bias1', Tensor<'f32'>>>
  /** In the order of the flat weights. */
  readonly all: readonly Tensor<'f32'>[]
  readonly #device: Device

  constructor(device: Device, shape: MlpShape, what: string) {
    const { bias0, weight1, bias1, total } = mlpOffsets(shape)
    this.#device = device
    this.named = {
      weight0: device.tensor('f32', bias0, `${what} weight 0`),
      bias0: device.tensor('f32', weight1 - bias0, `${what} bias 0`),
      weight1: device.tensor('f32', bias1 - weight1, `${what} weight 1`),
      bias1: device.tensor('f32', total - bias1, `${what} bias 1`)
    }
    this.all = [this.named.weight0, this.named.bias0, this.named.weight1, this.named.bias1]
  }

  write(flat: Float32Array): void {
    let start = 0
    for (const tensor of this.all) {
      this.#device.write(tensor, flat.subarray(start, start + tensor.length))
      start += tensor.length
    }
  }

  free(): void {
    for (const tensor of this.all) tensor.free()
  }
}

export interface ForwardTensors {
  readonly size: number
  readonly input: Tensor<'f32'>
  readonly activation: Tensor<'f32'>
  readonly logits: Tensor<'f32'>
}

/** What a step of `size` rows needs besides the weights. `loss` (size) adds up over the steps. */
export class Batch implements Omit<ForwardTensors, 'logits'> {
  readonly size: number
  readonly rows: Tensor<'u32'>
  readonly labels: Tensor<'u32'>
  readonly input: Tensor<'f32'>
  readonly activation: Tensor<'f32'>
  readonly activationSlope: Tensor<'f32'>
  readonly logitSlope: Tensor<'f32'>
  readonly loss: Tensor<'f32'>

  constructor(device: Device, { inputs, hidden, outputs }: MlpShape, size: number) {
    this.size = size
    this.rows = device.tensor('u32', size, 'rows')
    this.labels = device.tensor('u32', size, 'labels')
    this.input = device.tensor('f32', size * inputs, 'batch inputs')
    this.activation = device.tensor('f32', size * hidden, 'activation')
    this.activationSlope = device.tensor('f32', size * hidden, 'activation slope')
    this.logitSlope = device.tensor('f32', size * outputs, 'logit slope')
    this.loss = device.tensor('f32', size, 'loss')
  }

  free(): void {
    for (const tensor of [
      this.rows,
      this.labels,
      this.input,
      this.activation,
      this.activationSlope,
      this.logitSlope,
      this.loss
    ])
      tensor.free()
  }
}

/** activation (size, hidden) from input (size, inputs). */
export const recordHidden = (
  record: Recording,
  { inputs, hidden }: MlpShape,
  { named }: Parameters,
  { size, input, activation }: Omit<ForwardTensors, 'logits'>
): void => {
  record.run(
    matmulNT,
    { a: input, b: named.weight0, bias: named.bias0, out: activation },
    { m: size, n: hidden, k: inputs },
    { bias: true, relu: true }
  )
}

/** logits (size, outputs) from input (size, inputs). */
export const recordForward = (
  record: Recording,
  shape: MlpShape,
  parameters: Parameters,
  tensors: ForwardTensors
): void => {
  const { size, activation, logits } = tensors
  recordHidden(record, shape, parameters, tensors)
  record.run(
    matmulNT,
    { a: activation, b: parameters.named.weight1, bias: parameters.named.bias1, out: logits },
    { m: size, n: shape.outputs, k: shape.hidden },
    { bias: true }
  )
}

/** In float64: a GPU's partial sums come back as f32. */
export const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)
