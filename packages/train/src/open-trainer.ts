import type { Device } from '@gradmesh/tensor'
import type { LoadedTask, Task, Trainer } from './types.ts'

export interface OpenTrainerInit {
  readonly device: Device
  readonly task: Task
  readonly loaded: LoadedTask
  /** Rows of the warm-up step, best those of the mesh; no warm-up when left out. */
  readonly batch?: number
  /** Ends the warm-up: between two batches of its evaluation. */
  readonly signal?: AbortSignal
}

/**
 * The task's trainer, and with `batch` one warmed up: drivers compile a kernel when it first runs, which
 * can take seconds, and that must not count against the first round's time. Codes: as the task's trainer; rejects with
 * the signal's reason.
 */
export const openTrainer = async ({
  device,
  task,
  loaded,
  batch,
  signal
}: OpenTrainerInit): Promise<Trainer> => {
  const trainer = await loaded.trainer(device)
  if (batch === undefined) return trainer
  const parameters = task.tensors().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const weights = new Float32Array(parameters)
  trainer.load(weights)
  await trainer.step(
    Uint32Array.from({ length: batch }, (_, i) => i % loaded.samples),
    0
  )
  await trainer.finish()
  signal?.throwIfAborted()
  await trainer.evaluate(weights, signal)
  return trainer
}
