/**
 * A trainer of any model of `@gradmesh/models`. The mesh's weights are those of the model's trainable tensors, one
 * after another; frozen ones (the base under LoRA adapters) are put on the device once and never leave it.
 */
import { MeshError } from '@gradmesh/core'
import {
  type BatchShape,
  Evaluation,
  elements,
  type Inputs,
  type Model,
  type OptimiserOptions,
  Training,
  Variables
} from '@gradmesh/models'
import type { Device } from '@gradmesh/tensor'
import type { Report, Trainer } from '../types.ts'
import { checkSteps } from './mlp-shape.ts'
import { trainable, writeTrainable } from './weights.ts'

/** Samples as the model takes them. */
export interface Samples {
  readonly count: number
  /**
   * The inputs of a batch of `size` places: these samples, then emptiness. The weights of all labelled places add up
   * to 1, so that a batch's loss is a mean.
   */
  inputs(samples: Uint32Array, size: number): Inputs
}

/** Gathers what the model answered, batch by batch. */
export interface Scoring {
  /** `logits`: one array an output of the model, of the places that hold these samples. */
  add(samples: Uint32Array, logits: readonly Float32Array[]): void
  report(loss: number): Report
}

export interface ModelTrainerInit {
  readonly device: Device
  readonly model: Model
  /** Of a pass: over a part of a step's samples, and over the held-out ones. */
  readonly shape: BatchShape
  /** Passes of a step (1): a large batch on little memory. */
  readonly accumulate?: number
  readonly train: Samples
  readonly heldOut: Samples
  readonly scoring: () => Scoring
  readonly optimiser: OptimiserOptions
  /** Writes the frozen tensors; none when left out. */
  readonly base?: (variables: Variables) => Promise<void>
}

/** Steps submitted and not yet done: two keep the device busy while the next is recorded. */
const IN_FLIGHT_MAX = 2

/** Codes: `MODEL_…`, those of `@gradmesh/tensor`. */
export const modelTrainer = async (init: ModelTrainerInit): Promise<Trainer> => {
  const variables = new Variables(init.device)
  await init.base?.(variables)
  return new ModelTrainer(init, variables)
}

class ModelTrainer implements Trainer {
  readonly #init: ModelTrainerInit
  readonly #variables: Variables
  readonly #tensors: readonly { readonly name: string; readonly length: number }[]
  readonly #parameters: number
  readonly #training: Training
  readonly #evaluation: Evaluation
  readonly #inFlight: Promise<void>[] = []
  #base = new Float32Array()
  #steps = 0

  constructor(init: ModelTrainerInit, variables: Variables) {
    const { model, shape, optimiser, accumulate = 1 } = init
    this.#init = init
    this.#variables = variables
    this.#tensors = trainable(model).map(tensor => ({ name: tensor.name, length: elements(tensor) }))
    this.#parameters = this.#tensors.reduce((sum, { length }) => sum + length, 0)
    this.#training = new Training(model, variables, { shape, accumulate, ...optimiser })
    this.#evaluation = new Evaluation(model, variables, shape, true)
  }

  load(weights: Float32Array): void {
    writeTrainable(this.#init.model, this.#variables, weights)
    this.#base = weights.slice()
    this.#steps = 0
    this.#inFlight.length = 0
    this.#training.reset()
  }

  async step(rows: Uint32Array, rate: number): Promise<void> {
    const { train, shape, device, accumulate = 1 } = this.#init
    checkBatch(rows, train.count, shape.batch * accumulate)
    for (let at = 0; at < rows.length; at += shape.batch) {
      const inputs = train.inputs(rows.subarray(at, at + shape.batch), shape.batch)
      this.#training.step(accumulate === 1 ? inputs : lighter(inputs, accumulate), rate)
    }
    this.#steps++
    const done = device.idle()
    done.catch(() => undefined) // the device keeps its first failure and tells it to the next call
    this.#inFlight.push(done)
    if (this.#inFlight.length > IN_FLIGHT_MAX) await this.#inFlight.shift()
  }

  async finish(): Promise<{ readonly difference: Float32Array; readonly loss: number }> {
    checkSteps(this.#steps)
    this.#inFlight.length = 0
    const parts = await this.#variables.read(this.#tensors.map(({ name }) => name))
    const difference = new Float32Array(this.#parameters)
    let at = 0
    for (const part of parts)
      for (const value of part) {
        difference[at] = this.#base[at]! - value
        at++
      }
    return { difference, loss: (await this.#training.loss()) / this.#steps }
  }

  async evaluate(weights: Float32Array, signal?: AbortSignal): Promise<Report> {
    const { heldOut, shape, scoring: begin } = this.#init
    writeTrainable(this.#init.model, this.#variables, weights)
    const scoring = begin()
    let loss = 0
    for (let start = 0; start < heldOut.count; start += shape.batch) {
      signal?.throwIfAborted()
      const size = Math.min(shape.batch, heldOut.count - start)
      const samples = Uint32Array.from({ length: size }, (_, i) => start + i)
      this.#evaluation.run(heldOut.inputs(samples, shape.batch))
      scoring.add(samples, await this.#evaluation.logits())
      loss += size * (await this.#evaluation.loss())
    }
    return scoring.report(loss / heldOut.count)
  }

  async close(): Promise<void> {
    this.#training.free()
    this.#evaluation.free()
    this.#variables.free()
  }
}

/** The weights of a part of a step, so that those of the whole step add up to 1. */
const lighter = (inputs: Inputs, parts: number): Inputs =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [
      name,
      name.endsWith('weights') ? (values as Float32Array).map(weight => weight / parts) : values
    ])
  )

const checkBatch = (rows: Uint32Array, count: number, batch: number): void => {
  const wild = rows.find(row => row >= count)
  if (rows.length === batch && wild === undefined) return
  throw new MeshError('TRAIN_ROWS', `a step of ${rows.length} rows, ${batch} wanted`, {
    remedy: 'check that every peer of this mesh runs the same task and version',
    data: { rows: rows.length, batch, wild: wild ?? null, samples: count }
  })
}
