/** A task says what is learnt from what; the mesh neither knows nor cares. */
import type { Device } from '@gradmesh/tensor'

/** One tensor of a model, as the genesis will list it. */
export interface ModelTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly trainable: boolean
  /** Initial weights are uniform integers in [-initBound, initBound], unit 2^-24. */
  readonly initBound: number
}

export interface Metrics {
  readonly loss: number
  /** Named by the task, for example `accuracy`, in 0..1. */
  readonly score: number
  readonly samples: number
}

/** A data set in memory: `inputs` is (count, inputSize), `labels` is (count). */
export interface LabelledData {
  readonly count: number
  readonly inputSize: number
  readonly inputs: Float32Array
  readonly labels: Uint32Array
}

export interface TaskData {
  readonly train: LabelledData
  readonly heldOut: LabelledData
}

/** What a mesh of this task starts with unless its founder says otherwise; integers, as the genesis has them. */
export interface Recipe {
  readonly rounds: number
  readonly innerSteps: number
  readonly batch: number
  /** Unit 1e-6. */
  readonly innerRateMicro: number
  readonly warmupRounds: number
  /** Unit 2^-16. */
  readonly outerRateQ16: number
  /** Entries of a chunk, and how many of them a delta carries. */
  readonly chunk: number
  readonly keep: number
  /** Unit 2^-8. */
  readonly errorDecayQ8: number
}

export interface Task {
  readonly id: string
  readonly recipe: Recipe
  /** What `score` is called when shown. */
  readonly scoreName: string
  /** The score below which `npm start` does not call the run a success. */
  readonly scoreTarget: number
  tensors(): readonly ModelTensor[]
  /** Reads and splits the data; the split depends on `seed` alone. */
  load(seed: Uint8Array): Promise<TaskData>
  /** The task's model on this device, which stays the caller's to close. */
  trainer(device: Device, data: TaskData): Trainer
}

/**
 * One model on one device. `weights` are f32, tensors in genesis order, without padding.
 * A trainer does inner steps from a base, then tells how far it got.
 */
export interface Trainer {
  /** Loads the base and resets the inner optimiser. */
  load(weights: Float32Array): void
  /**
   * One inner step on these rows of the training set; the loss is read back by `finish`, not here.
   * Resolves when few enough steps are in flight that a clock read between steps tells the true pace.
   */
  step(rows: Uint32Array, rate: number): Promise<void>
  /** Waits for all steps; base minus local weights, and the mean loss of the steps. */
  finish(): Promise<{ readonly difference: Float32Array; readonly loss: number }>
  evaluate(weights: Float32Array): Promise<Metrics>
  close(): Promise<void>
}
