/**
 * A peer's way to its end. It ends when the run is over, when a part fails, or when somebody stops it; what was opened is
 * closed in reverse order, after what is being opened has noticed.
 */
import { type Logger, MeshError } from '@gradmesh/core'
import type { Outcome } from '../running.ts'

/** Undone in reverse order when the peer stops. */
export type Closers = (() => Promise<void>)[]

export interface LifetimeInit {
  readonly log: Logger
  /** It is to stop: whoever waits for others need not go on. */
  readonly onStopping: () => void
  /** The peer has to stop: its operator must hear why. */
  readonly onFailure: (error: MeshError) => void
}

export class Lifetime {
  /** Resolves when the last round is final; rejects when the peer had to stop. */
  readonly finished: Promise<Outcome>
  readonly closers: Closers = []
  readonly #init: LifetimeInit
  #stopping: Promise<void> | undefined
  /** Opening or starting, while it lasts. */
  #underway: Promise<void> = Promise.resolve()
  #resolve!: (outcome: Outcome) => void
  #reject!: (error: unknown) => void

  constructor(init: LifetimeInit) {
    this.#init = init
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => {})
  }

  readonly isStopping = (): boolean => this.#stopping !== undefined

  /** Between two steps of the start: whoever stops it waits for this. @throws MeshError `PEER_STOPPED` */
  assertGoing(): void {
    if (this.isStopping()) throw stopped()
  }

  /** A step of the start; closing waits for it. */
  during(step: Promise<void>): Promise<void> {
    this.#underway = step
    return step
  }

  finish(outcome: Outcome): void {
    this.#resolve(outcome)
  }

  /** For what no part can handle. It does not close the peer: whoever awaits `finished` stops it. */
  readonly fail = (error: unknown): void => {
    if (this.isStopping()) return
    const cause =
      error instanceof MeshError
        ? error
        : new MeshError('PEER_FAILED', error instanceof Error ? error.message : String(error), {
            cause: error
          })
    this.#init.log.error({ error, code: cause.code, told: true }, 'the peer stops')
    this.#init.onFailure(cause)
    this.#reject(cause)
  }

  stop(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#stopping = this.#close()
      this.#init.onStopping()
    }
    return this.#stopping
  }

  async #close(): Promise<void> {
    this.#reject(stopped())
    await this.#underway.catch(() => {})
    for (const close of this.closers.reverse()) {
      await close().catch(error => this.#init.log.warn({ error }, 'a part did not close cleanly'))
    }
  }
}

const stopped = (): MeshError => new MeshError('PEER_STOPPED', 'the peer was stopped')
