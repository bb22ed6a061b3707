/**
 * What to do with a message that is wrong. One table, so that the answer to "why was my peer
 * graylisted" is a lookup. The verdict strikes the neighbour that passed the message on, so only what
 * every honest peer refuses, whatever it knows, is rejected: broken encodings, wrong signatures, a delta
 * that its own base contradicts. What is late, early or unknown here is ignored.
 */
import type { Fault, Metrics } from '@gradmesh/core'
import type { DeltaFault } from '@gradmesh/delta'
import type { LedgerFault } from '@gradmesh/ledger'
import type { Verdict } from '@gradmesh/net'
import type { WireFault } from '@gradmesh/wire'

/** Faults that the daemon itself finds. Meanings: README, "Faults". */
export type PeerFault =
  | 'WIRE_SIGNATURE'
  | 'DELTA_STALE'
  | 'DELTA_EARLY'
  | 'DELTA_TWICE'
  | 'DELTA_KNOWN'
  | 'DELTA_PAYLOAD_HASH'
  | 'DELTA_UNAVAILABLE'
  | 'ATTEST_STALE'
  | 'ATTEST_EARLY'
  | 'ATTEST_EPOCH'
  | 'ATTEST_SET'
  | 'ATTEST_BITMAP'
  | 'ATTEST_KNOWN'
  | 'VOTE_PAST'
  | 'VOTE_EARLY'
  | 'VOTE_KNOWN'
  | 'EPOCH_UNKNOWN'
  | 'CERTIFICATE_KNOWN'
  | 'BLOCK_PAST'
  | 'BLOCK_EARLY'
  | 'BLOCK_TWICE'
  | 'BLOCK_KNOWN'
  | 'BLOCK_LEADER'
  | 'TX_KNOWN'
  | 'TX_FULL'
  | 'GOSSIP_FLOOD'
  | 'STATE_PARENT'
  | 'STATE_ROOT'
  | 'SYNC_CERTIFICATE'
  | 'SYNC_GAP'
  | 'SYNC_EPOCH'
  | 'SYNC_BODY'
  | 'SYNC_LEAF'
  | 'HELLO_DIFFERENT'

export type FaultCode = WireFault | DeltaFault | LedgerFault | PeerFault

/** Late, early, or about something this peer has not heard of yet: no proof of malice by who passed it on. */
const INNOCENT: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'WIRE_PROTOCOL',
  'LEDGER_DELTA_PROTOCOL',
  'LEDGER_DELTA_ROUND',
  'DELTA_STALE',
  'DELTA_EARLY',
  // The first of the two may have reached the neighbour later than us.
  'DELTA_TWICE',
  'DELTA_KNOWN',
  'DELTA_UNAVAILABLE',
  'ATTEST_STALE',
  'ATTEST_EARLY',
  // A neighbour that is behind passes on early attestations before it can look at set and bitmap.
  'ATTEST_SET',
  'ATTEST_BITMAP',
  'ATTEST_KNOWN',
  'TX_KNOWN',
  'TX_FULL',
  'LEDGER_TX_UNKNOWN',
  'LEDGER_TX_NONCE',
  'VOTE_PAST',
  'VOTE_EARLY',
  'VOTE_KNOWN',
  'EPOCH_UNKNOWN',
  'CERTIFICATE_KNOWN',
  'BLOCK_PAST',
  'BLOCK_EARLY',
  'BLOCK_TWICE',
  'BLOCK_KNOWN',
  'STATE_PARENT'
])

const verdictOn = (code: FaultCode): Verdict => (INNOCENT.has(code) ? 'ignore' : 'reject')

/** A fault that the daemon finds: `fault` with the codes of this file. */
export const peerFault = (code: PeerFault, detail?: string): Fault<PeerFault> =>
  detail === undefined ? { fault: code } : { fault: code, detail }

/** Counts faults by code. Bounded: the codes are a closed set. */
export class FaultCounter {
  readonly #metrics: Metrics
  readonly #byCode = new Map<FaultCode, number>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  count({ fault }: Fault<FaultCode>): Verdict {
    this.#byCode.set(fault, (this.#byCode.get(fault) ?? 0) + 1)
    this.#metrics.count('gradmesh_faults_total', { code: fault })
    return verdictOn(fault)
  }

  totals(): Readonly<Partial<Record<FaultCode, number>>> {
    return Object.fromEntries([...this.#byCode].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
