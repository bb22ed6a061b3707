import type { Logger } from '@gradmesh/core'
import type { PeerKey } from './types.ts'

/** Listeners for one kind of peer event. One that throws is logged and does not stop the others. */
export class PeerListeners {
  readonly #listeners: ((peer: PeerKey) => void)[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  add(listener: (peer: PeerKey) => void): void {
    this.#listeners.push(listener)
  }

  tell(peer: PeerKey): void {
    for (const listener of this.#listeners) {
      try {
        listener(peer)
      } catch (error) {
        this.#log.error({ peer, error }, 'a listener for peer events threw')
      }
    }
  }
}
