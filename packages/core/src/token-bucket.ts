/**
 * A bucket of tokens that refills with time: at most `burst` at once, `perSecond` in the long run. Who
 * takes more than is there overdraws it and is told how long to wait until that is paid off, so any span
 * of `s` seconds sees at most `burst + perSecond * s` tokens, and the newest take beyond that.
 */
export interface TokenBucketInit {
  readonly perSecond: number
  readonly burst: number
}

export class TokenBucket {
  readonly #perMs: number
  readonly #burstMs: number
  /** The moment at which the bucket is full again. */
  #fullAtMs: number

  /** Full at `nowMs`. */
  constructor({ perSecond, burst }: TokenBucketInit, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burstMs = burst / this.#perMs
    this.#fullAtMs = nowMs
  }

  /** Takes `tokens` and answers how many milliseconds to wait until they are paid for. */
  take(tokens: number, nowMs: number): number {
    this.#fullAtMs = Math.max(nowMs, this.#fullAtMs) + tokens / this.#perMs
    return this.waitMs(nowMs)
  }

  /** How long until nothing is owed. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs - this.#burstMs)
  }
}
