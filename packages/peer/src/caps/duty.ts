/**
 * The cap on the adapter: a duty cycle. Work is counted in slices, each ended by waiting until the
 * adapter is idle, so that what is counted is the adapter's time and not the queue's. A slice that was
 * not earned is rested off before the next; so any few seconds hold at most their share of work. Time
 * that the round spends on waiting for others earns too, half a second's worth at most. A process that was stopped in the
 * middle of a slice, or whose machine slept, did no work meanwhile: at a share of a tenth, nine times as long a rest
 * would follow.
 */
import { type Clock, pause, type Timer, TokenBucket } from '@gradmesh/core'
import type { Device } from '@gradmesh/tensor'
import type { Trainer } from '@gradmesh/train'

const BURST_SECONDS = 0.5
/** Long enough that a queue which runs dry at its end costs little, short beside a round. */
const SLICE_MS = 20
/** While the adapter works a beat tells that this thread runs; by how much more than this it is late, it stood still. */
const BEAT_MS = 250
const LATE_MS = 1000

export class Duty {
  readonly #clock: Pick<Clock, 'nowMs' | 'after'>
  readonly #bucket: TokenBucket
  #restedMs = 0
  #workedMs = 0

  /** `share` above 0 to 1. */
  constructor(share: number, clock: Pick<Clock, 'nowMs' | 'after'>) {
    this.#clock = clock
    const burst = 1000 * share * BURST_SECONDS
    this.#bucket = new TokenBucket({ perSecond: 1000 * share, burst }, clock.nowMs())
    this.#bucket.take(burst, clock.nowMs())
  }

  /** Spent on resting so far. */
  get restedMs(): number {
    return this.#restedMs
  }

  /** Counted as work so far. */
  get workedMs(): number {
    return this.#workedMs
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  /** Does `work`, and answers for how long of it the process stood still, which counts as rest. */
  async watched<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly stoodMs: number }> {
    let beatMs = this.nowMs()
    let stoodMs = 0
    let timer: Timer | undefined
    const look = (): void => {
      const lateMs = this.nowMs() - beatMs - BEAT_MS
      if (lateMs > LATE_MS) stoodMs += lateMs
      beatMs = this.nowMs()
    }
    const beat = (): void => {
      look()
      timer = this.#clock.after(BEAT_MS, beat)
    }
    timer = this.#clock.after(BEAT_MS, beat)
    try {
      const value = await work()
      look()
      return { value, stoodMs }
    } finally {
      timer.cancel()
      this.#restedMs += stoodMs
    }
  }

  worked(ms: number): void {
    this.#workedMs += ms
    this.#bucket.take(ms, this.#clock.nowMs())
  }

  /** Resolves when the work so far is earned. */
  async rest(): Promise<void> {
    const start = this.#clock.nowMs()
    for (let wait = this.#bucket.waitMs(start); wait > 0; wait = this.#bucket.waitMs(this.#clock.nowMs()))
      await pause(this.#clock, Math.ceil(wait))
    this.#restedMs += this.#clock.nowMs() - start
  }
}

/** The trainer, resting as the duty cycle says. */
export const paced = (trainer: Trainer, device: Pick<Device, 'idle'>, duty: Duty): Trainer => {
  /** When the slice under way began, and how much of it was none. */
  let sliceMs: number | null = null
  let stoodMs = 0
  const begin = (): number => {
    sliceMs ??= duty.nowMs()
    return sliceMs
  }
  const end = (): void => {
    if (sliceMs !== null) duty.worked(duty.nowMs() - sliceMs - stoodMs)
    sliceMs = null
    stoodMs = 0
  }
  const part = async <T>(work: () => Promise<T>): Promise<T> => {
    const done = await duty.watched(work)
    stoodMs += done.stoodMs
    return done.value
  }
  const whole = async <T>(work: () => Promise<T>): Promise<T> => {
    begin()
    try {
      return await part(work)
    } finally {
      end()
    }
  }
  return {
    load(weights) {
      begin()
      trainer.load(weights)
    },
    async step(rows, rate) {
      if (sliceMs === null) await duty.rest()
      const since = begin()
      await part(() => trainer.step(rows, rate))
      if (duty.nowMs() - since < SLICE_MS) return
      await whole(() => device.idle())
    },
    finish: () => whole(() => trainer.finish()),
    async evaluate(weights, signal) {
      await duty.rest()
      return whole(() => trainer.evaluate(weights, signal))
    },
    close: () => trainer.close()
  }
}
