/** Waiting for a change instead of looking again and again. */
import type { Clock } from './ports.ts'

/**
 * Tells whoever waits that something has changed; what it is, each looks up for itself. Take `next` before looking and
 * wait for it after: nothing that comes in between is missed.
 */
export class News {
  #next = Promise.withResolvers<void>()

  /** Resolves when something changes after this moment. */
  get next(): Promise<void> {
    return this.#next.promise
  }

  tell(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve()
  }
}

/** Resolves when the promise does, or when that many milliseconds have passed; no timer stays behind. Never rejects. */
export const orAfter = (
  clock: Pick<Clock, 'after'>,
  promise: Promise<unknown>,
  delayMs: number
): Promise<void> =>
  new Promise(resolve => {
    const timer = clock.after(delayMs, resolve)
    const end = (): void => {
      timer.cancel()
      resolve()
    }
    promise.then(end, end)
  })
