/** Timeouts and the estimate of the network's delay. Integer milliseconds only. */
import type { ConsensusConfig } from './types.ts'

type Timing = Pick<ConsensusConfig, 'delayMs' | 'timeoutCapMs' | 'roundDeadlineMs'>

/** How many samples the estimate looks back; 128 lets one outlier pass above the 99th percentile. */
const WINDOW = 128
/** With fewer samples the configured start counts as one of them. */
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

/** Δ: the 99th percentile (nearest rank) of the samples, within the configured bounds. */
export const estimateDelayMs = (samples: readonly number[], { delayMs }: Timing): number => {
  const sorted = [...samples, ...(samples.length < ENOUGH ? [delayMs.start] : [])].sort((a, b) => a - b)
  const p99 = sorted[Math.ceil((sorted.length * 99) / 100) - 1]!
  return Math.min(Math.max(p99, delayMs.min), delayMs.max)
}

export const addSample = (samples: readonly number[], sampleMs: number): readonly number[] =>
  [...samples, sampleMs].slice(-WINDOW)
