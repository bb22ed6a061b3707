/** One at a time, the others in line, and no line without end. */
import { type Clock, MeshError } from '@gradmesh/core'

/** A client that is told to come again waits at most so long. */
const RETRY_SECONDS_MAX = 60

export class Turns {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #taken = false
  /** Of the turns so far, newer ones counting more. */
  #meanMs = 1000

  constructor(waitingMax: number, clock: Pick<Clock, 'nowMs'>) {
    this.#waitingMax = waitingMax
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Resolves when it is this caller's turn, with what ends it. Whoever leaves is passed over.
   * @throws MeshError `INFERENCE_BUSY` with `retrySeconds`, `INFERENCE_LEFT`
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw left()
    if (this.#taken) await this.#wait(signal)
    this.#taken = true
    const startMs = this.#clock.nowMs()
    let over = false
    return () => {
      if (over) return
      over = true
      this.#meanMs += (this.#clock.nowMs() - startMs - this.#meanMs) / 4
      this.#taken = false
      this.#waiting.shift()?.()
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      const wholeMs = this.#meanMs * (1 + this.#waiting.length)
      const retrySeconds = Math.max(1, Math.min(RETRY_SECONDS_MAX, Math.ceil(wholeMs / 1000)))
      throw new MeshError('INFERENCE_BUSY', `${this.#waitingMax} requests wait already`, {
        remedy: `try again in ${retrySeconds} s`,
        data: { retrySeconds, waiting: this.#waiting.length }
      })
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(come), 1)
        reject(left())
      }
      const come = (): void => {
        signal.removeEventListener('abort', leave)
        // Before anybody else can ask.
        this.#taken = true
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(come)
    })
  }
}

const left = (): MeshError =>
  new MeshError('INFERENCE_LEFT', 'whoever asked has gone', { remedy: 'none: nobody waits for the answer' })
