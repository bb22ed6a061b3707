/** The daemon's own metrics. What they mean: http/metric-help.ts. */
import type { Metrics } from '@gradmesh/core'

export class Telling {
  readonly #metrics: Metrics
  #accepted = false

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    // Known from the start, so that rates of what never happens are zero and not unknown.
    for (const outcome of ['accepted', 'refused'])
      for (const own of ['true', 'false']) metrics.count('gradmesh_deltas_total', { outcome, own }, 0)
    metrics.count('gradmesh_rounds_total', {}, 0)
  }

  round(): void {
    this.#metrics.count('gradmesh_rounds_total')
  }

  /** `sinceStartSeconds`: since this process began to be a peer. */
  delta(outcome: 'accepted' | 'refused', own: boolean, sinceStartSeconds: number): void {
    this.#metrics.count('gradmesh_deltas_total', { outcome, own: String(own) })
    if (!own || outcome !== 'accepted' || this.#accepted) return
    this.#accepted = true
    this.#metrics.observe('gradmesh_first_accepted_delta_seconds', sinceStartSeconds)
  }

  trained(seconds: number, deltaBytes: number): void {
    this.#metrics.observe('gradmesh_train_seconds', seconds)
    this.#metrics.observe('gradmesh_delta_bytes', deltaBytes)
  }
}
