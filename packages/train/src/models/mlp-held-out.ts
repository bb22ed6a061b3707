import { countCorrect, type Device, type Recording, softmaxCrossEntropy, type Tensor } from '@gradmesh/tensor'
import { accuracyReport } from '../report.ts'
import type { LabelledData, Report } from '../types.ts'
import type { MlpShape } from './mlp-shape.ts'
import { Parameters, recordForward, sum } from './mlp-tensors.ts'

/** Samples of one pass; a multiple of 64, so that every pass starts where a view may. */
const EVALUATE_ROWS = 512

/** The held-out samples on the device, with weights of their own: an evaluation disturbs no training. */
export class HeldOut {
  readonly #device: Device
  readonly #shape: MlpShape
  readonly #count: number
  readonly #inputs: Tensor<'f32'>
  readonly #labels: Tensor<'u32'>
  readonly #weights: Parameters
  readonly #activation: Tensor<'f32'>
  readonly #logits: Tensor<'f32'>
  readonly #loss: Tensor<'f32'>
  readonly #correct: Tensor<'u32'>

  constructor(device: Device, shape: MlpShape, data: LabelledData) {
    const rows = Math.min(data.count, EVALUATE_ROWS)
    this.#device = device
    this.#shape = shape
    this.#count = data.count
    this.#inputs = device.upload(data.inputs, 'held-out inputs')
    this.#labels = device.upload(data.labels, 'held-out labels')
    this.#weights = new Parameters(device, shape, 'evaluated')
    this.#activation = device.tensor('f32', rows * shape.hidden, 'held-out activation')
    this.#logits = device.tensor('f32', rows * shape.outputs, 'held-out logits')
    this.#loss = device.tensor('f32', rows, 'held-out loss')
    this.#correct = device.tensor('u32', 1, 'correct')
  }

  async evaluate(weights: Float32Array): Promise<Report> {
    this.#weights.write(weights)
    this.#device.submit(record => {
      record.clear(this.#loss)
      record.clear(this.#correct)
      for (let start = 0; start < this.#count; start += EVALUATE_ROWS) this.#recordPass(record, start)
    })
    const [loss, correct] = await this.#device.read([this.#loss, this.#correct])
    return accuracyReport({
      loss: sum(loss) / this.#count,
      score: correct[0]! / this.#count,
      samples: this.#count
    })
  }

  free(): void {
    this.#weights.free()
    for (const tensor of [
      this.#inputs,
      this.#labels,
      this.#activation,
      this.#logits,
      this.#loss,
      this.#correct
    ])
      tensor.free()
  }

  #recordPass(record: Recording, start: number): void {
    const { inputs, outputs } = this.#shape
    const size = Math.min(EVALUATE_ROWS, this.#count - start)
    const labels = this.#labels.view(start, size)
    const input = this.#inputs.view(start * inputs, size * inputs)
    recordForward(record, this.#shape, this.#weights, {
      size,
      input,
      activation: this.#activation,
      logits: this.#logits
    })
    const shape = { rows: size, columns: outputs }
    record.run(
      softmaxCrossEntropy,
      { logits: this.#logits, labels, loss: this.#loss },
      { ...shape, scale: 1 },
      { accumulate: true }
    )
    record.run(countCorrect, { logits: this.#logits, labels, total: this.#correct }, shape)
  }
}
