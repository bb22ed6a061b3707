/** Timeouts and the estimate of the network's delay. Integer milliseconds only. */
import type { ConsensusConfig } from './types.ts'

type Timing = Pick<ConsensusConfig, 'delayMs' | 'timeoutCapMs' | 'roundDeadlineMs'>

/** How many samples the estimate looks back. */
const WINDOW = 128
/** With fewer samples the configured start counts as one estimate beside them. */
const ENOUGH = 16

/**
 * 3Δ·1.5^k, at most `timeoutCapMs`, rounded down at each factor. `k` counts the slots since the last FINAL.
 */
export const patienceMs = (delayMs: number, k: number, { timeoutCapMs }: Timing): number => {
  let patience = 3 * delayMs
  for (let i = 0; i < k && patience < timeoutCapMs; i++) patience += patience >>> 1
  return Math.min(patience, timeoutCapMs)
}

/** T(s): a slot whose parent is final may wait for a round to close; a child of anything else is empty and may not. */
export const timeoutMs = (delayMs: number, k: number, parentFinal: boolean, timing: Timing): number =>
  (parentFinal ? timing.roundDeadlineMs : 0) + patienceMs(delayMs, k, timing)

/**
 * Δ: twice the third quartile (nearest rank) of the samples, within the configured bounds. Every misfortune leaves a
 * sample or two that are seconds long, at each peer another: an estimate that follows its tail makes every peer wait for
 * a leader that is gone for as long as the worst moment was. What this one takes for too short, 1.5^k makes up for.
 */
export const estimateDelayMs = (samples: readonly number[], { delayMs }: Timing): number => {
  const twice = samples.map(sample => 2 * sample)
  const sorted = [...twice, ...(samples.length < ENOUGH ? [delayMs.start] : [])].sort((a, b) => a - b)
  const quartile = sorted[Math.ceil((sorted.length * 3) / 4) - 1]!
  return Math.min(Math.max(quartile, delayMs.min), delayMs.max)
}

export const addSample = (samples: readonly number[], sampleMs: number): readonly number[] =>
  [...samples, sampleMs].slice(-WINDOW)
