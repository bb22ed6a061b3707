/**
 * What to do with a message that is wrong. One table, so that the answer to "why was my peer
 * graylisted" is a lookup: reject what no honest peer could have sent, ignore what is merely late,
 * early or unknown here.
 */
import type { Fault, Metrics } from '@gradmesh/core'
import type { Verdict } from '@gradmesh/net'

/** Late, early, or about something this peer has not heard of yet: no proof of malice. */
const INNOCENT = new Set([
  'WIRE_PROTOCOL',
  'LEDGER_DELTA_ROUND',
  'LEDGER_DELTA_TRAINER',
  'DELTA_STALE',
  'DELTA_EARLY',
  'DELTA_TWICE',
  'ATTEST_STALE',
  'ATTEST_EARLY',
  'ATTEST_SET',
  'TX_KNOWN',
  'TX_FULL',
  'VOTE_PAST',
  'BLOCK_PAST'
])

export const verdictOn = (code: string): Verdict => (INNOCENT.has(code) ? 'ignore' : 'reject')

/** Counts faults by code, and remembers how many each peer sent. Bounded: the codes are a closed set. */
export class FaultCounter {
  readonly #metrics: Metrics
  readonly #byCode = new Map<string, number>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  count({ fault }: Fault): Verdict {
    this.#byCode.set(fault, (this.#byCode.get(fault) ?? 0) + 1)
    this.#metrics.count('gradmesh_faults_total', { code: fault })
    return verdictOn(fault)
  }

  totals(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#byCode].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
