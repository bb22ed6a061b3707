/**
 * What was passed on lately. To gossip an equal message said again is a new one, and must be: whoever missed a vote
 * gets it when its author repeats it. But anybody can repeat everybody's, so each is passed on only so often.
 */
import { type Clock, remember } from '@gradmesh/core'
import type { Held } from './holding.ts'

const KEPT_MAX = 16_384

export class Echoes {
  readonly #clock: Clock
  readonly #quietMs: number
  /** When each was passed on. */
  readonly #passedMs = new Map<string, number>()

  constructor(clock: Clock, quietMs: number) {
    this.#clock = clock
    this.#quietMs = quietMs
  }

  held(what: string): Held {
    return { what, entries: this.#passedMs.size, max: KEPT_MAX }
  }

  /** True when this was passed on within the last `quietMs`; otherwise it counts as passed on now. */
  isEcho(key: string): boolean {
    const now = this.#clock.nowMs()
    const passed = this.#passedMs.get(key)
    if (passed !== undefined && now < passed + this.#quietMs) return true
    remember(this.#passedMs, key, now, KEPT_MAX)
    return false
  }
}
