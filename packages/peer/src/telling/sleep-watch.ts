/**
 * Notices that the machine slept: a beat of one second that comes far too late, by the clock that only
 * goes forward (a stopped process) or by the one on the wall (a closed lid stops the other one too).
 */

/** Being late by less happens to a busy machine. */
const SLEPT_MS_MIN = 8000

export class SleepWatch {
  #nowMs: number
  #wallMs: number
  readonly #beatMs: number

  constructor(beatMs: number, nowMs: number, wallMs: number) {
    this.#beatMs = beatMs
    this.#nowMs = nowMs
    this.#wallMs = wallMs
  }

  /** Called with every beat. Answers how many seconds were slept through, or null. */
  beat(nowMs: number, wallMs: number): number | null {
    const goneMs = Math.max(nowMs - this.#nowMs, wallMs - this.#wallMs) - this.#beatMs
    this.#nowMs = nowMs
    this.#wallMs = wallMs
    return goneMs < SLEPT_MS_MIN ? null : Math.round(goneMs / 1000)
  }
}
