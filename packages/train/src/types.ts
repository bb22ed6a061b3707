/** A task says what is learnt from what; the mesh neither knows nor cares. */
import type { Device } from '@gradmesh/tensor'
import type { Inference } from './inference/inference.ts'

/** One tensor of a model, as the genesis will list it. */
export interface ModelTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly trainable: boolean
  /** Initial weights are uniform integers in [-initBound, initBound], unit 2^-24. */
  readonly initBound: number
  /** Starts from the values that `Task.bases` gives instead, for example pretrained ones; initBound is 0 then. */
  readonly based: boolean
}

export interface Metrics {
  readonly loss: number
  /** Named by the task, for example `accuracy`, in 0..1. */
  readonly score: number
  readonly samples: number
}

/** All that an evaluation found: `text` for people, `figures` for programs. */
export interface Report extends Metrics {
  readonly text: string
  readonly figures: object
}

/** A data set in memory: `inputs` is (count, inputSize), `labels` is (count). */
export interface LabelledData {
  readonly count: number
  readonly inputSize: number
  readonly inputs: Float32Array
  readonly labels: Uint32Array
}

export interface Labelled {
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

/** A task's own settings, as the genesis carries them. */
export type TaskOptions = Readonly<Record<string, number | string>>

/** Where a task finds what it needs besides its options. */
export interface TaskSource {
  /** Of the mesh: whatever is drawn is drawn from it, so that all peers draw the same. */
  readonly seed: Uint8Array
  /** Where this machine keeps the data set; null when its owner named no folder. */
  readonly folder: string | null
}

/** A kind of task: one of ours, or a plug-in's default export. */
export interface TaskKind {
  readonly id: string
  /** One line for those who choose. */
  readonly about: string
  /**
   * What a mesh has to agree on, from what its founder said: data by their content, classes, sizes.
   * @throws MeshError `TASK_OPTIONS`, `DATA_…`
   */
  found(asked: TaskOptions, folder: string | null): Promise<TaskOptions>
  /** @throws MeshError `TASK_OPTIONS` */
  open(options: TaskOptions): Task
}

export interface NamedValues {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export interface Task {
  readonly id: string
  readonly options: TaskOptions
  readonly recipe: Recipe
  /**
   * What the inner rate is multiplied by when this share (0..1) of the mesh's rounds is done; it stays when left out, and
   * in a mesh without end.
   */
  readonly fall?: (done: number) => number
  /** What `score` is called when shown. */
  readonly scoreName: string
  /** The score below which `npm start` does not call the run a success. */
  readonly scoreTarget: number
  tensors(): readonly ModelTensor[]
  /** Values of the tensors that are `based`, by name, unit 2^-24. @throws MeshError `DATA_…` */
  bases(folder: string | null): Promise<ReadonlyMap<string, Int32Array>>
  /**
   * For tasks that learn adapters to a frozen base: the base's tensors with the adapters of `weights` added in.
   * @throws MeshError `DATA_…`
   */
  merged?(weights: Float32Array, folder: string | null): Promise<readonly NamedValues[]>
  /** Reads the data, and checks that they are what the options name. @throws MeshError `DATA_…` */
  load(source: TaskSource): Promise<LoadedTask>
}

/** A task with its data in memory. */
export interface LoadedTask {
  /** Training samples: rows are numbers below this. */
  readonly samples: number
  /** The task's model on this device, which stays the caller's to close. */
  trainer(device: Device): Promise<Trainer>
  /** What the model can be asked; left out where that is nothing. */
  inference?(device: Device): Promise<Inference>
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
  /**
   * On the held-out samples. Not between `load` and `finish`, which it would disturb. Given up between two batches,
   * with the signal's reason, once that is aborted.
   */
  evaluate(weights: Float32Array, signal?: AbortSignal): Promise<Report>
  close(): Promise<void>
}
