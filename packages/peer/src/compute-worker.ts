/**
 * The compute thread: owns the adapter, trains rounds, keeps the error-feedback buffer. Nothing it
 * says is believed by anyone before it has become a signed integer payload.
 */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { isFault, MeshError, systemClock } from '@gradmesh/core'
import { type Delta, debit, decodeDelta, type Layout, makeLayout, unpack } from '@gradmesh/delta'
import { type AdapterInfo, type Device, openDevice } from '@gradmesh/tensor'
import { floatView, type Metrics, openTrainer, type Trainer, taskById, trainRound } from '@gradmesh/train'
import { moving, serve } from './worker-rpc.ts'

export interface ComputeOptions {
  readonly taskId: string
  readonly seed: Uint8Array
  readonly adapter: string | null
  readonly batch: number
  readonly chunk: number
  readonly keep: number
  readonly decayQ8: number
}

/** What a peer wrote down when it published its newest delta: enough to go on after a crash. */
export interface StoredError {
  /** The error buffer with that round's work added, nothing debited. */
  readonly accumulated: Int32Array
  /** Empty when it is gone; it was not accepted then. */
  readonly payload: Uint8Array
  /** What became of the delta; null while its round is open. */
  readonly accepted: boolean | null
}

export interface TrainedRound {
  readonly payload: Uint8Array
  /** A copy to store before the payload is published. */
  readonly accumulated: Int32Array
  readonly steps: number
  readonly samples: number
  readonly loss: number
  readonly seconds: number
}

let device: Device
let trainer: Trainer
let layout: Layout
let decayQ8: number
/** What earlier rounds have not sent yet, unit 2^-32, padded. */
let error: Int32Array
/** The round under way: what was gathered and what of it was sent, until the ledger has spoken. */
let pending: { accumulated: Int32Array; delta: Delta } | null = null

/** Votes must not wait for kernels: on Linux a thread may step back on its own, its children with it. */
const yieldToVotes = (): void => {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(threadId, 10)
  } catch {
    // Elsewhere the scheduler's default has to do.
  }
}

const resume = ({ accumulated, payload, accepted }: StoredError): void => {
  if (accepted === false) {
    error = accumulated
    return
  }
  const delta = decodeDelta(layout, payload)
  if (isFault(delta)) throw new MeshError('ERROR_BUFFER', `the stored delta does not decode: ${delta.fault}`)
  pending = { accumulated, delta }
  if (accepted !== null) settle(accepted)
}

const settle = (accepted: boolean): void => {
  if (pending === null) return
  error = accepted ? debit(pending.accumulated, pending.delta, layout) : pending.accumulated
  pending = null
}

const table = {
  async open(
    options: ComputeOptions & { stored: StoredError | null }
  ): Promise<{ adapter: AdapterInfo; samples: number }> {
    yieldToVotes()
    const task = taskById(options.taskId)
    const data = await task.load(options.seed)
    layout = makeLayout(
      task.tensors().map(({ name, shape }) => ({ name, length: shape.reduce((a, b) => a * b, 1) })),
      { chunk: options.chunk, keep: options.keep }
    )
    decayQ8 = options.decayQ8
    error = new Int32Array(layout.chunks * layout.chunk)
    pending = null
    if (options.stored !== null) resume(options.stored)
    device = await openDevice(options.adapter === null ? {} : { adapter: options.adapter })
    trainer = await openTrainer({ device, task, data, batch: options.batch })
    return { adapter: device.info, samples: data.train.count }
  },

  async round(input: {
    weights: Int32Array
    rows: Uint32Array
    steps: number
    batch: number
    rate: number
    budgetMs: number
  }): Promise<TrainedRound> {
    const started = systemClock.nowMs()
    const { payload, delta, accumulated, steps, samples, loss } = await trainRound({
      trainer,
      layout,
      weights: input.weights,
      error,
      decayQ8,
      rows: input.rows,
      innerSteps: input.steps,
      batch: input.batch,
      rate: input.rate,
      deadlineMs: started + input.budgetMs,
      clock: systemClock
    })
    pending = { accumulated, delta }
    const copy = accumulated.slice()
    const seconds = (systemClock.nowMs() - started) / 1000
    return moving({ payload, accumulated: copy, steps, samples, loss, seconds }, copy.buffer)
  },

  /** The round is final: what it accepted is paid off, what it did not stays owed. */
  settle(input: { accepted: boolean }): void {
    settle(input.accepted)
  },

  async evaluate(input: { weights: Int32Array }): Promise<Metrics> {
    return trainer.evaluate(unpack(layout, floatView(input.weights)))
  },

  async close(): Promise<void> {
    await trainer?.close()
    await device?.close()
  }
}

export type ComputeTable = typeof table

serve(table)
