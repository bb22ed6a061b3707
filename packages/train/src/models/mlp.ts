/**
 * The trainer of a perceptron on a WebGPU device. The data sets stay on the device; a step sends row
 * numbers and labels, and runs as one submit of five dispatches. The meaning is `mlp-reference.ts`.
 */
import { assert, MeshError } from '@gradmesh/core'
import {
  adamwScalars,
  crossEntropyHead,
  type Device,
  denseAdamw,
  gatherRows,
  type Recording,
  type Tensor
} from '@gradmesh/tensor'
import type { Labelled, Report, Trainer } from '../types.ts'
import { INNER_DEFAULT, type InnerOptimiser } from './inner.ts'
import { HeldOut } from './mlp-held-out.ts'
import { checkData, checkRows, checkSteps, checkWeights, type MlpShape } from './mlp-shape.ts'
import { Batch, Parameters, recordHidden, sum } from './mlp-tensors.ts'

/** Steps submitted and not yet done: two keep the device busy while the next is recorded. */
const IN_FLIGHT_MAX = 2

/** `data` is uploaded at once. Codes: `TRAIN_DATA`, those of `@gradmesh/tensor`. */
export const mlpTrainer = (
  device: Device,
  shape: MlpShape,
  data: Labelled,
  inner: InnerOptimiser = INNER_DEFAULT
): Trainer => new MlpTrainer(device, shape, data, inner)

class MlpTrainer implements Trainer {
  readonly #device: Device
  readonly #shape: MlpShape
  readonly #data: Labelled
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

  constructor(device: Device, shape: MlpShape, data: Labelled, inner: InnerOptimiser) {
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
    this.#inFlight.length = 0
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
      recordHidden(record, this.#shape, this.#local, batch)
      this.#recordBackward(record, batch, rate)
    })
    const done = this.#device.idle()
    done.catch(() => undefined) // the device keeps its first failure and tells it to the next call
    this.#inFlight.push(done)
    if (this.#inFlight.length > IN_FLIGHT_MAX) await this.#inFlight.shift()
  }

  async finish(): Promise<{ readonly difference: Float32Array; readonly loss: number }> {
    const batch = this.#batch
    checkSteps(this.#steps)
    assert(batch !== undefined, 'a step leaves its batch')
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

  async evaluate(weights: Float32Array): Promise<Report> {
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
    const scalars = {
      ...adamwScalars({ ...rule, decay: weightDecay }),
      biasShrink: adamwScalars(rule).shrink
    }
    const layer = (weight: keyof Parameters['named'], bias: keyof Parameters['named']) => ({
      w: this.#local.named[weight],
      first: this.#first.named[weight],
      second: this.#second.named[weight],
      bias: this.#local.named[bias],
      biasFirst: this.#first.named[bias],
      biasSecond: this.#second.named[bias]
    })
    // The hidden slope needs the second layer's weights as they were, so it comes before their step.
    record.run(
      crossEntropyHead,
      {
        x: batch.activation,
        w: this.#local.named.weight1,
        bias: this.#local.named.bias1,
        labels: batch.labels,
        loss: batch.loss,
        gradient: batch.logitSlope,
        back: batch.activationSlope
      },
      { rows: size, inputs: hidden, outputs, scale: 1 / size },
      { accumulate: true }
    )
    record.run(
      denseAdamw,
      { a: batch.logitSlope, b: batch.activation, ...layer('weight1', 'bias1') },
      { m: outputs, n: hidden, k: size, ...scalars }
    )
    record.run(
      denseAdamw,
      { a: batch.activationSlope, b: batch.input, ...layer('weight0', 'bias0') },
      { m: hidden, n: inputs, k: size, ...scalars }
    )
  }
}
