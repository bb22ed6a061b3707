/**
 * One peer's share of a round, from the exact weights to the bytes that it publishes. The round is
 * time-boxed: who runs out of time does fewer steps and says so, and gets weight for what was done.
 */
import { type Clock, MeshError } from '@gradmesh/core'
import { compress, type Delta, encodeDelta, type Layout, pack, unpack } from '@gradmesh/delta'
import { floatView, quantise } from './quantise.ts'
import type { Trainer } from './types.ts'

export interface RoundInput {
  readonly trainer: Trainer
  readonly layout: Layout
  /** The final state's weights, unit 2^-24, padded. Not changed. */
  readonly weights: Int32Array
  /** What earlier deltas left unsent, unit 2^-32, padded. Not changed. */
  readonly error: Int32Array
  /** Share of `error` that lives on, unit 2^-8; 243 when left out. */
  readonly decayQ8?: number
  /** Training rows, (innerSteps, batch): step s takes rows s * batch .. (s + 1) * batch. */
  readonly rows: Uint32Array
  readonly innerSteps: number
  readonly batch: number
  /** The inner learning rate of this round. */
  readonly rate: number
  /** The moment of `clock.nowMs()` by which the last step should be done; `Infinity` for no box. */
  readonly deadlineMs: number
  readonly clock: Pick<Clock, 'nowMs'>
}

export interface RoundResult {
  /** `delta`, encoded. */
  readonly payload: Uint8Array
  readonly delta: Delta
  /** The error buffer before the debit; `debit` it once the ledger has accepted the delta. */
  readonly accumulated: Int32Array
  /** 1..innerSteps. */
  readonly steps: number
  readonly samples: number
  /** The mean over the steps. */
  readonly loss: number
}

/**
 * At least one step is done, however late it is. On any throw the inputs are as before, so the round can
 * be tried again or left out. Codes: `TRAIN_ROWS`, `TRAIN_WEIGHTS`, `TRAIN_NOT_FINITE`, the trainer's own.
 */
export const trainRound = async (input: RoundInput): Promise<RoundResult> => {
  const { trainer, layout, weights, error, decayQ8, rows, innerSteps, batch, rate } = input
  if (innerSteps < 1 || batch < 1 || rows.length !== innerSteps * batch)
    throw new MeshError('TRAIN_ROWS', `${rows.length} rows for ${innerSteps} steps of ${batch}`, {
      remedy: 'check that every peer of this mesh runs the same genesis and version',
      data: { rows: rows.length, innerSteps, batch }
    })
  trainer.load(floatView(unpack(layout, weights)))
  const steps = await stepUntil(input)
  const { difference, loss } = await trainer.finish()
  const { values, notFinite } = quantise(difference)
  if (notFinite > 0 || !Number.isFinite(loss))
    throw new MeshError('TRAIN_NOT_FINITE', `training gave ${notFinite} values that are no numbers`, {
      remedy: 'run `gradmesh doctor`; if the adapter is sound, lower the inner learning rate of the mesh',
      data: { notFinite, rate, steps }
    })
  const { delta, accumulated } = compress(layout, pack(layout, values), error, decayQ8)
  return {
    payload: encodeDelta(layout, delta),
    delta,
    accumulated,
    steps,
    samples: steps * batch,
    loss
  }
}

/** Stops before the step that would end past the deadline, judged by the mean of those so far. */
const stepUntil = async (input: RoundInput): Promise<number> => {
  const { trainer, rows, innerSteps, batch, rate, deadlineMs, clock } = input
  const startMs = clock.nowMs()
  for (let done = 0; done < innerSteps; done++) {
    const nowMs = clock.nowMs()
    if (done > 0 && nowMs + (nowMs - startMs) / done > deadlineMs) return done
    await trainer.step(rows.subarray(done * batch, (done + 1) * batch), rate)
  }
  return innerSteps
}
