/**
 * The trainer of a perceptron on a WebGPU device. The data sets stay on the device; a step sends row
 * numbers and labels, and runs as one submit of ten dispatches. The meaning is `mlp-reference.ts`.
 */
import { MeshError } from '@gradmesh/core'
import {
  adamwScalars,
  columnSumAdamw,
  countCorrect,
  type Device,
  gatherRows,
  matmulNN,
  matmulNT,
  matmulTNAdamw,
  type Recording,
  softmaxCrossEntropy,
  type Tensor
} from '@gradmesh/tensor'
import type { LabelledData, Metrics, TaskData, Trainer } from '../types.ts'
import { INNER_DEFAULT, type InnerOptimiser } from './inner.ts'
import { checkData, checkRows, checkWeights, type MlpShape, mlpOffsets } from './mlp-shape.ts'

/** Steps submitted and not yet done: two keep the device busy while the next is recorded. */
const IN_FLIGHT_MAX = 2
/** Held-out samples of one pass; a multiple of 64, so that every pass starts where a view may. */
const EVALUATE_ROWS = 512

/** `data` is uploaded at once. Codes: `TRAIN_DATA`, those of `@gradmesh/tensor`. */
export const mlpTrainer = (
  device: Device,
  shape: MlpShape,
  data: TaskData,
  inner: InnerOptimiser = INNER_DEFAULT
): Trainer => new MlpTrainer(device, shape, data, inner)

class MlpTrainer implements Trainer {
  readonly #device: Device
  readonly #shape: MlpShape
  readonly #data: TaskData
  readonly #inner: InnerOptimiser
  readonly #train: Tensor<'f32'>
  readonly #local: Parameters
  readonly #first: Parameters
  readonly #second: Parameters
  readonly #heldOut: HeldOut
  #batch: Batch | undefined
  #base = new Float32Array()
  #steps = 0
  readonly #inFlight: Promise<void>[] = []

  constructor(device: Device, shape: MlpShape, data: TaskData, inner: InnerOptimiser) {
    checkData(shape, data.train)
    checkData(shape, data.heldOut)
    this.#device = device
    this.#shape = shape
    this.#data = data
    this.#inner = inner
    this.#train = device.upload(data.train.inputs, 'training inputs')
    this.#local = new Parameters(device, shape, 'local')
    this.#first = new Parameters(device, shape, 'first moment')
    this.#second = new Parameters(device, shape, 'second moment')
    this.#heldOut = new HeldOut(device, shape, data.heldOut)
  }

  load(weights: Float32Array): void {
    checkWeights(this.#shape, weights)
    this.#base = weights.slice()
    this.#steps = 0
    this.#local.write(weights)
    this.#device.submit(record => {
      for (const tensor of [...this.#first.all, ...this.#second.all]) record.clear(tensor)
      if (this.#batch !== undefined) record.clear(this.#batch.loss)
    })
  }

  async step(rows: Uint32Array, rate: number): Promise<void> {
    checkRows(this.#data.train, rows)
    const batch = this.#batchOf(rows.length)
    this.#steps++
    this.#device.write(batch.rows, rows)
    this.#device.write(
      batch.labels,
      rows.map(row => this.#data.train.labels[row]!)
    )
    this.#device.submit(record => {
      record.run(
        gatherRows,
        { source: this.#train, index: batch.rows, out: batch.input },
        { rows: batch.size, width: this.#shape.inputs, sourceRows: this.#data.train.count }
      )
      recordForward(record, this.#shape, this.#local, batch)
      this.#recordBackward(record, batch, rate)
    })
    const done = this.#device.idle()
    done.catch(() => undefined) // the device keeps its first failure and tells it to the next call
    this.#inFlight.push(done)
    if (this.#inFlight.length > IN_FLIGHT_MAX) await this.#inFlight.shift()
  }

  async finish(): Promise<{ readonly difference: Float32Array; readonly loss: number }> {
    const batch = this.#batch
    if (batch === undefined || this.#steps === 0)
      throw new MeshError('TRAIN_ROWS', 'a round without a step has no result', {
        remedy: 'give every round at least one step'
      })
    this.#inFlight.length = 0
    const [loss, ...parts] = await this.#device.read([batch.loss, ...this.#local.all])
    const difference = new Float32Array(this.#base.length)
    let at = 0
    for (const part of parts) {
      for (const value of part) {
        difference[at] = this.#base[at]! - value
        at++
      }
    }
    return { difference, loss: sum(loss!) / (batch.size * this.#steps) }
  }

  async evaluate(weights: Float32Array): Promise<Metrics> {
    checkWeights(this.#shape, weights)
    return this.#heldOut.evaluate(weights)
  }

  async close(): Promise<void> {
    for (const part of [this.#local, this.#first, this.#second, this.#heldOut, this.#batch]) part?.free()
    this.#train.free()
  }

  /** All steps of one load take equally many rows: the losses of a row number add up on the device. */
  #batchOf(size: number): Batch {
    if (this.#batch?.size === size) return this.#batch
    if (this.#steps > 0)
      throw new MeshError('TRAIN_ROWS', `a step of ${size} rows after steps of ${this.#batch?.size}`, {
        remedy: 'give every step of a round as many rows as its first',
        data: { rows: size, first: this.#batch?.size ?? null }
      })
    this.#batch?.free()
    this.#batch = new Batch(this.#device, this.#shape, size)
    return this.#batch
  }

  #recordBackward(record: Recording, batch: Batch, rate: number): void {
    const { inputs, hidden, outputs } = this.#shape
    const { size } = batch
    const { beta1, beta2, epsilon, weightDecay } = this.#inner
    const rule = { rate, step: this.#steps, beta1, beta2, epsilon }
    const matrix = adamwScalars({ ...rule, decay: weightDecay })
    const bias = adamwScalars(rule)
    const state = (name: keyof Parameters['named']) => ({
      w: this.#local.named[name],
      first: this.#first.named[name],
      second: this.#second.named[name]
    })
    record.run(
      softmaxCrossEntropy,
      { logits: batch.logits, labels: batch.labels, loss: batch.loss, gradient: batch.logitSlope },
      { rows: size, columns: outputs, scale: 1 / size },
      { gradient: true, accumulate: true }
    )
    // The hidden slope needs the second layer's weights as they were, so it comes before their step.
    record.run(
      matmulNN,
      {
        a: batch.logitSlope,
        b: this.#local.named.weight1,
        gate: batch.activation,
        out: batch.activationSlope
      },
      { m: size, n: hidden, k: outputs },
      { gate: true }
    )
    record.run(
      matmulTNAdamw,
      { a: batch.logitSlope, b: batch.activation, ...state('weight1') },
      { m: outputs, n: hidden, k: size, ...matrix }
    )
    record.run(
      columnSumAdamw,
      { x: batch.logitSlope, ...state('bias1') },
      { rows: size, columns: outputs, ...bias }
    )
    record.run(
      matmulTNAdamw,
      { a: batch.activationSlope, b: batch.input, ...state('weight0') },
      { m: hidden, n: inputs, k: size, ...matrix }
    )
    record.run(
      columnSumAdamw,
      { x: batch.activationSlope, ...state('bias0') },
      { rows: size, columns: hidden, ...bias }
    )
  }
}

/** One f32 for each weight: the weights themselves, or a moment of them. */
class Parameters {
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

interface ForwardTensors {
  readonly size: number
  readonly input: Tensor<'f32'>
  readonly activation: Tensor<'f32'>
  readonly logits: Tensor<'f32'>
}

/** What a step of `size` rows needs besides the weights. `loss` (size) adds up over the steps. */
class Batch implements ForwardTensors {
  readonly size: number
  readonly rows: Tensor<'u32'>
  readonly labels: Tensor<'u32'>
  readonly input: Tensor<'f32'>
  readonly activation: Tensor<'f32'>
  readonly activationSlope: Tensor<'f32'>
  readonly logits: Tensor<'f32'>
  readonly logitSlope: Tensor<'f32'>
  readonly loss: Tensor<'f32'>

  constructor(device: Device, { inputs, hidden, outputs }: MlpShape, size: number) {
    this.size = size
    this.rows = device.tensor('u32', size, 'rows')
    this.labels = device.tensor('u32', size, 'labels')
    this.input = device.tensor('f32', size * inputs, 'batch inputs')
    this.activation = device.tensor('f32', size * hidden, 'activation')
    this.activationSlope = device.tensor('f32', size * hidden, 'activation slope')
    this.logits = device.tensor('f32', size * outputs, 'logits')
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
      this.logits,
      this.logitSlope,
      this.loss
    ])
      tensor.free()
  }
}

/** The held-out samples on the device, with weights of their own: an evaluation disturbs no training. */
class HeldOut {
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

  async evaluate(weights: Float32Array): Promise<Metrics> {
    this.#weights.write(weights)
    this.#device.submit(record => {
      record.clear(this.#loss)
      record.clear(this.#correct)
      for (let start = 0; start < this.#count; start += EVALUATE_ROWS) this.#recordPass(record, start)
    })
    const [loss, correct] = await this.#device.read([this.#loss, this.#correct])
    return { loss: sum(loss) / this.#count, score: correct[0]! / this.#count, samples: this.#count }
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

const recordForward = (
  record: Recording,
  { inputs, hidden, outputs }: MlpShape,
  { named }: Parameters,
  { size, input, activation, logits }: ForwardTensors
): void => {
  record.run(
    matmulNT,
    { a: input, b: named.weight0, bias: named.bias0, out: activation },
    { m: size, n: hidden, k: inputs },
    { bias: true, relu: true }
  )
  record.run(
    matmulNT,
    { a: activation, b: named.weight1, bias: named.bias1, out: logits },
    { m: size, n: outputs, k: hidden },
    { bias: true }
  )
}

const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)
