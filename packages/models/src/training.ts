/** A model in training on one device: batches in, one submit each; weights stay there until asked for. */
import { MeshError } from '@gradmesh/core'
import type { ElementType, HostArray } from '@gradmesh/tensor'
import { crossEntropy } from './blocks/loss.ts'
import type { BatchShape, Model, Output } from './models/model.ts'
import { accumulate, gradientsOf, MOMENTS, type OptimiserOptions, optimise, summed } from './optimiser.ts'
import { Program, type ProgramMemory } from './program.ts'
import { Tape, type Value } from './tape.ts'
import type { Variables } from './variables.ts'

export type Inputs = Readonly<Record<string, HostArray<ElementType>>>

export interface TrainingOptions extends OptimiserOptions {
  readonly shape: BatchShape
  /** Batches whose gradients make one step (1). */
  readonly accumulate?: number
  /** Of the dropout masks. */
  readonly seed?: number
  /** Products read weights as f16; weights, moments, gradients and sums are f32. */
  readonly half?: boolean
}

const LOSS = 'loss'

/** Labels and weights of an output are the inputs `labels` and `weights`, of `next` with `next.` before. */
const lossOf = (t: Tape, { name, value, rows, columns }: Output, sum: string): void => {
  if (name === 'embedding') {
    throw new MeshError('MODEL_HEAD', 'an embedding has no labels to learn from', {
      remedy: 'train the model with another head, then take its embeddings'
    })
  }
  const prefix = name === 'logits' ? '' : `${name}.`
  const labels = t.input('u32', `${prefix}labels`, rows)
  const weights = t.input('f32', `${prefix}weights`, rows)
  crossEntropy(t, value, { labels, weights }, { rows, columns }, sum)
}

/** A tape with the model, its losses and the way back. */
export const trainingTape = (model: Model, { shape, seed = 0, half = false }: TrainingOptions): Tape => {
  const { tensors, adapterScale } = model
  const t = new Tape({ tensors, training: true, seed, adapterScale, half })
  for (const output of model.outputs(t, shape)) lossOf(t, output, LOSS)
  t.backward()
  return t
}

/**
 * @example
 * const training = new Training(model, variables, { shape: { batch: 8, length: 64 } })
 * training.step({ tokens, labels, weights }, 1e-3)       // weights that add up to 1: a mean loss
 * await device.room()
 */
export class Training {
  readonly #variables: Variables
  readonly #batch: Program
  readonly #update: Program | undefined
  readonly #every: number
  readonly #factor: { readonly program: Program; readonly value: Value } | undefined
  #batches = 0

  constructor(model: Model, variables: Variables, options: TrainingOptions) {
    const { accumulate: every = 1 } = options
    const t = trainingTape(model, options)
    const gradients = gradientsOf(t)
    this.#variables = variables
    this.#every = every
    let factor: Value | undefined
    if (every === 1) {
      factor = optimise(t, model.tensors, gradients, options)
      this.#batch = new Program(t, variables)
    } else {
      accumulate(t)
      this.#batch = new Program(t, variables)
      const u = new Tape({ tensors: model.tensors, training: true })
      const names = gradients.map(({ parameter }) => parameter.label)
      factor = optimise(u, model.tensors, summed(u, names), options)
      this.#update = new Program(u, variables)
    }
    this.#factor = factor && { program: this.#update ?? this.#batch, value: factor }
  }

  get memory(): ProgramMemory {
    return this.#batch.memory
  }

  /** Dispatches of one batch. */
  get dispatches(): number {
    return this.#batch.dispatches
  }

  /** Compiles what the first step would compile, without blocking. */
  async prepare(): Promise<void> {
    await this.#batch.prepare()
    await this.#update?.prepare()
  }

  /** One batch; every `accumulate`-th also steps the weights. Does not wait: `await device.room()` in a loop. */
  step(inputs: Inputs, rate: number): void {
    const step = Math.floor(this.#batches / this.#every) + 1
    const first = Number(this.#batches % this.#every === 0)
    this.#batches++
    // Dropout masks differ from batch to batch, AdamW counts steps.
    this.#batch.run(inputs, this.#update === undefined ? { step, rate } : { step: this.#batches, first })
    if (this.#batches % this.#every === 0) this.#update?.run({}, { step, rate })
  }

  /** The losses of all batches since the last call, added up. */
  async loss(): Promise<number> {
    const [sum] = await this.#variables.read([LOSS])
    this.#variables.clear(LOSS)
    return sum![0]!
  }

  /** Of the newest step before clipping; undefined without clipping. */
  async gradientNorm(): Promise<number | undefined> {
    if (this.#factor === undefined) return undefined
    const [values] = await this.#factor.program.read([this.#factor.value])
    return values![1]!
  }

  /** Forgets the moments, as for a new base. */
  reset(): void {
    this.#batches = 0
    this.#variables.clear(MOMENTS)
  }

  free(): void {
    this.#batch.free()
    this.#update?.free()
  }
}

/** A model that answers: logits, and with labels the loss. */
export class Evaluation {
  readonly outputs: readonly Output[]
  readonly #program: Program
  readonly #variables: Variables
  readonly #sum = 'evaluation loss'

  /** `losses`: the program also takes labels and weights. */
  constructor(model: Model, variables: Variables, shape: BatchShape, losses = false) {
    const t = new Tape({ tensors: model.tensors, training: false, adapterScale: model.adapterScale })
    this.outputs = model.outputs(t, shape)
    for (const output of this.outputs) {
      t.output(output.value)
      if (losses) lossOf(t, output, this.#sum)
    }
    this.#program = new Program(t, variables)
    this.#variables = variables
  }

  get memory(): ProgramMemory {
    return this.#program.memory
  }

  /** Compiles what the first run would compile, without blocking. */
  async prepare(): Promise<void> {
    await this.#program.prepare()
  }

  run(inputs: Inputs, numbers: Readonly<Record<string, number>> = {}): void {
    this.#program.run(inputs, numbers)
  }

  /** Results of the newest run, one array an output. */
  async logits(): Promise<Float32Array[]> {
    return this.#program.read(this.outputs.map(({ value }) => value))
  }

  /** The losses of all runs since the last call, added up. */
  async loss(): Promise<number> {
    const [sum] = await this.#variables.read([this.#sum])
    this.#variables.clear(this.#sum)
    return sum![0]!
  }

  free(): void {
    this.#program.free()
  }
}
