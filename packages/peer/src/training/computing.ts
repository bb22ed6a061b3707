/**
 * What the compute thread does: trains rounds on the adapter and keeps the error-feedback buffer. The
 * buffer lies here, in this machine's memory: an adapter that goes away costs the round it was at work
 * on, and the next call opens it again.
 */
import { MeshError, systemClock } from '@gradmesh/core'
import { type Layout, makeLayout, unpack } from '@gradmesh/delta'
import type { AdapterInfo, Device, OpenDeviceOptions } from '@gradmesh/tensor'
import {
  fallen,
  floatView,
  type LoadedTask,
  type Metrics,
  type NamedTask,
  openMeshTask,
  openTrainer,
  type Task,
  type Trainer,
  trainRound
} from '@gradmesh/train'
import { Duty, paced } from '../caps/duty.ts'
import { collectGarbage } from '../caps/memory.ts'
import { type AnsweringTable, makeAnswering } from '../inference/answering.ts'
import { moving } from '../worker-rpc.ts'
import { ErrorBuffer, type StoredError } from './error-buffer.ts'

export interface ComputeOptions {
  readonly task: NamedTask
  /** Where this machine has the task, if it is a plug-in whose place was named. */
  readonly plugin: string | null
  readonly seed: Uint8Array
  /** Where this machine keeps the data set. */
  readonly dataset: string | null
  readonly adapter: string | null
  readonly batch: number
  readonly chunk: number
  readonly keep: number
  readonly decayQ8: number
  /** Share of wall time in which the adapter may be busy; null: no cap. */
  readonly gpuShare: number | null
}

export interface TrainedRound {
  readonly payload: Uint8Array
  /** A copy to store before the payload is published. */
  readonly accumulated: Int32Array
  readonly steps: number
  readonly samples: number
  readonly loss: number
  readonly seconds: number
  /** Of `seconds`, those in which the cap on the adapter made it rest. */
  readonly restSeconds: number
}

/** Failures of the adapter that another try may not meet: the driver was reset, memory was short. */
const PASSING: ReadonlySet<string> = new Set([
  'GPU_DEVICE_LOST',
  'GPU_OUT_OF_MEMORY',
  'GPU_NO_ADAPTER',
  'GPU_ADAPTER_NAME'
])

/** After any deadline, and a number to reckon with. */
const LATE_MS = Number.MAX_SAFE_INTEGER

export const COMPUTE_LOST = 'COMPUTE_LOST'

interface Gpu {
  readonly device: Device
  readonly trainer: Trainer
}

interface Opened {
  readonly options: ComputeOptions
  readonly task: Task
  readonly loaded: LoadedTask
  readonly layout: Layout
}

/** `openDevice` is that of `@gradmesh/tensor`, or a test's that takes the adapter away. */
export const makeCompute = (openDevice: (options: OpenDeviceOptions) => Promise<Device>) => {
  let opened: Opened
  let duty: Duty | null = null
  let gpu: Promise<Gpu> | null = null
  let buffer: ErrorBuffer
  const stopping = new AbortController()

  const openGpu = async (): Promise<Gpu> => {
    const { task, loaded, options } = opened
    const { signal } = stopping
    signal.throwIfAborted()
    const device = await openDevice(options.adapter === null ? {} : { adapter: options.adapter })
    try {
      signal.throwIfAborted()
      const trainer = await openTrainer({ device, task, loaded, batch: options.batch, signal })
      return { device, trainer: duty === null ? trainer : paced(trainer, device, duty) }
    } catch (error) {
      device.close()
      throw error
    }
  }

  const closeGpu = async (): Promise<void> => {
    const held = await gpu?.catch(() => null)
    gpu = null
    await held?.trainer.close()
    held?.device.close()
  }

  /** Runs `work` on the adapter, opened again when it was lost before. Code: `COMPUTE_LOST`. */
  const onGpu = async <T>(work: (gpu: Gpu) => Promise<T>): Promise<T> => {
    gpu ??= openGpu()
    const mine = gpu
    try {
      return await work(await mine)
    } catch (error) {
      if (!(error instanceof MeshError) || !PASSING.has(error.code)) throw error
      // Training and answering may both have met the loss; the first opens the adapter again.
      if (gpu === mine) gpu = null
      void mine.then(
        ({ device }) => device.close(),
        () => {}
      )
      throw new MeshError(COMPUTE_LOST, `the adapter gave up: ${error.message}`, {
        remedy: error.remedy ?? 'none: the adapter is opened again with the next round',
        cause: error,
        data: { code: error.code }
      })
    }
  }

  const answering = makeAnswering({
    task: () => ({ id: opened.task.id, ...opened }),
    onDevice: work => onGpu(({ device }) => work(device)),
    duty: () => duty
  })

  return {
    async open(
      options: ComputeOptions & { stored: StoredError | null }
    ): Promise<{ adapter: AdapterInfo; samples: number }> {
      const task = await openMeshTask(options.task, options.plugin, process.cwd())
      const loaded = await task.load({ seed: options.seed, folder: options.dataset })
      const layout = makeLayout(
        task.tensors().map(({ name, shape }) => ({ name, length: shape.reduce((a, b) => a * b, 1) })),
        { chunk: options.chunk, keep: options.keep }
      )
      opened = { options, task, loaded, layout }
      duty = options.gpuShare === null ? null : new Duty(options.gpuShare, systemClock)
      buffer = new ErrorBuffer(layout, options.stored)
      gpu = openGpu()
      const { device } = await gpu
      return { adapter: device.info, samples: loaded.samples }
    },

    /** Rejects with `COMPUTE_LOST` when the adapter went away: the round is lost, the error buffer is not. */
    async round(input: {
      weights: Int32Array
      rows: Uint32Array
      steps: number
      batch: number
      rate: number
      /** Share of the mesh's rounds. */
      done: number
      budgetMs: number
    }): Promise<TrainedRound> {
      const started = systemClock.nowMs()
      const { layout, task } = opened
      const restedMs = duty?.restedMs ?? 0
      const workedMs = duty?.workedMs ?? 0
      await duty?.rest()
      const { payload, delta, accumulated, steps, samples, loss } = await onGpu(({ trainer }) =>
        trainRound({
          trainer,
          layout,
          weights: input.weights,
          error: buffer.error,
          decayQ8: opened.options.decayQ8,
          rows: input.rows,
          innerSteps: input.steps,
          batch: input.batch,
          rate: fallen(input.rate, task, input.done),
          deadlineMs: started + input.budgetMs,
          // A round that is given up has run out of time.
          clock: { nowMs: () => (stopping.signal.aborted ? LATE_MS : systemClock.nowMs()) }
        })
      )
      buffer.gathered(accumulated, delta)
      const copy = accumulated.slice()
      const allMs = systemClock.nowMs() - started
      const restMs = (duty?.restedMs ?? 0) - restedMs
      // What came around the adapter's slices, compressing above all, counts as work too.
      duty?.worked(allMs - restMs - (duty.workedMs - workedMs))
      const seconds = allMs / 1000
      const restSeconds = restMs / 1000
      return moving({ payload, accumulated: copy, steps, samples, loss, seconds, restSeconds }, copy.buffer)
    },

    settle(input: { accepted: boolean }): void {
      buffer.settle(input.accepted)
    },

    /** Rejects with `COMPUTE_LOST` as `round` does. */
    async evaluate(input: { weights: Int32Array }): Promise<Metrics> {
      const { loss, score, samples } = await onGpu(({ trainer }) =>
        trainer.evaluate(unpack(opened.layout, floatView(input.weights)), stopping.signal)
      )
      return { loss, score, samples }
    },

    /**
     * Ends, for good, what the adapter is at: a round after the step under way, an evaluation after the batch, its
     * opening between two steps. The device stays open until then: a process that ends while the adapter owes it an
     * answer is aborted.
     */
    abandon(): void {
      stopping.abort(stopped())
    },

    /** Gives the adapter and its memory back; whatever needs it next opens it again. */
    async release(): Promise<void> {
      await closeGpu()
      collectGarbage()
    },

    close: closeGpu,

    ...answering
  }
}

/** What training needs of the thread; what answers is a table of its own. */
export type ComputeTable = Omit<ReturnType<typeof makeCompute>, keyof AnsweringTable>

const stopped = (): MeshError =>
  new MeshError('PEER_STOPPED', 'the peer was stopped while its adapter was at work')
