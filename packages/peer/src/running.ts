/** What a running peer is to those outside: the command that started it, and the HTTP view. */
import type { LastError, Ticket } from '@gradmesh/api'
import type { AdapterInfo } from '@gradmesh/tensor'
import type { Asking } from './inference/asking.ts'
import type { DeltaPool } from './round/delta-pool.ts'
import type { Driver } from './round/driver.ts'
import type { TransactionPool } from './round/transaction-pool.ts'
import type { Ledger } from './state/ledger.ts'
import type { Reporting } from './telling/reporting.ts'

export const AGENT = 'gradmesh/0.1.0'

/** What may be known of a running peer; parts are undefined while it starts. */
export interface Running {
  readonly agent: string
  readonly startedMs: number
  readonly scoreName: string
  readonly parameters: number
  readonly ledger: Ledger | undefined
  readonly driver: Driver | undefined
  readonly pool: DeltaPool | undefined
  /** The model, to be asked; undefined while the peer starts, and where nothing answers. */
  readonly asking: Asking | undefined
  readonly transactions: TransactionPool | undefined
  readonly adapter: AdapterInfo | null
  readonly lastError: LastError | null
  /** The network is up: what asks it gets an answer. */
  readonly isOnline: boolean
  readonly reporting: Reporting
  /** Why a cap pauses training; null while none does. */
  readonly trainingPause: string | null
  /** What the peer called itself when it greeted. */
  labelOf(key: string): string | null
  /** Null while it starts. */
  ticket(): Ticket | null
  loopDelayMs(): number
}

export interface Outcome {
  readonly round: number
  readonly height: number
  readonly root: string
  readonly score: number | null
}

export interface Peer {
  readonly url: string
  /** Where the token lies that HTTP asks for; null when it asks for none. */
  readonly tokenFile: string | null
  readonly key: string
  readonly view: Running
  /** Resolves when the last round is final; rejects when the peer had to stop. */
  readonly finished: Promise<Outcome>
  ticket(): Ticket | null
  stop(): Promise<void>
}
