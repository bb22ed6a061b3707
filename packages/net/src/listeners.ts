import type { Logger } from '@gradmesh/core'

/** Listeners for one kind of event. One that throws is logged and does not stop the others. */
export class Listeners<T> {
  readonly #listeners: ((event: T) => void)[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  add(listener: (event: T) => void): void {
    this.#listeners.push(listener)
  }

  tell(event: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#log.error({ event, error }, 'a listener threw')
      }
    }
  }
}
