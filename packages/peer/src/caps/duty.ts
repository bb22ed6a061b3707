/**
 * The cap on the adapter: a duty cycle. Work is counted in slices, each ended by waiting until the
 * adapter is idle, so that what is counted is the adapter's time and not the queue's. A slice that was
 * not earned is rested off before the next; so any few seconds hold at most their share of work. Time
 * that the round spends on waiting for others earns too, half a second's worth at most.
 */
import { type Clock, pause, TokenBucket } from '@gradmesh/core'
import type { Device } from '@gradmesh/tensor'
import type { Trainer } from '@gradmesh/train'

const BURST_SECONDS = 0.5
/** Long enough that a queue which runs dry at its end costs little, short beside a round. */
const SLICE_MS = 20

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
  /** When the slice under way began. */
  let sliceMs: number | null = null
  const begin = (): number => {
    sliceMs ??= duty.nowMs()
    return sliceMs
  }
  const end = (): void => {
    if (sliceMs !== null) duty.worked(duty.nowMs() - sliceMs)
    sliceMs = null
  }
  const whole = async <T>(work: () => Promise<T>): Promise<T> => {
    begin()
    try {
      return await work()
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
      await trainer.step(rows, rate)
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
