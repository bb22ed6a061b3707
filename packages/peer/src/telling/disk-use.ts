/** What the ledger takes on the disk, by kind. Looked up when somebody asks, at most so often; until then not known. */
import type { Status } from '@gradmesh/api'
import type { Context } from '../context.ts'

const FRESH_MS = 15_000

export class DiskUse {
  readonly #context: Pick<Context, 'chain' | 'clock' | 'log'>
  #latest: Status['diskBytes'] = null
  #askedMs = Number.NEGATIVE_INFINITY

  constructor(context: Pick<Context, 'chain' | 'clock' | 'log'>) {
    this.#context = context
  }

  latest(): Status['diskBytes'] {
    const { chain, clock, log } = this.#context
    const now = clock.nowMs()
    if (now >= this.#askedMs + FRESH_MS) {
      this.#askedMs = now
      chain.sizes().then(
        sizes => {
          this.#latest = sizes
        },
        error => log.debug({ error }, 'the size of the ledger is not known')
      )
    }
    return this.#latest
  }
}
