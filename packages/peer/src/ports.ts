/**
 * What a peer reaches the outside through. The daemon gives it databases, threads and sockets (`daemon.ts`),
 * a simulation their twins; between the two nothing else differs.
 */
import type { Clock, Metrics } from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import type { ChainStore, Database, SafetyStore } from '@gradmesh/store'
import type { Digest, Genesis, KeyPair } from '@gradmesh/wire'
import type { AnsweringTable } from './inference/answering.ts'
import type { RestoredMark } from './round/renewing.ts'
import type { StateTable } from './state/state-table.ts'
import type { LoopDelay } from './telling/loop-delay.ts'
import type { ComputeTable } from './training/computing.ts'
import type { Remote, WorkerThread } from './worker-rpc.ts'

type OnDeath = (error: unknown) => void

export interface ComputeThread extends WorkerThread<ComputeTable> {
  /** The same thread, to ask the model; left out where there is none. */
  readonly answering?: Remote<AnsweringTable>
}

export interface Ports {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly loopDelay: Pick<LoopDelay, 'p99Ms' | 'reset'>
  /** The record of what this key has signed. @throws MeshError `STORE_…` */
  readonly openSafety: () => Promise<SafetyStore>
  /** Where the chain is, or will be. @throws MeshError `STORE_…` */
  readonly openDatabase: () => Promise<Database>
  readonly openState: (onDeath: OnDeath) => WorkerThread<StateTable>
  readonly openCompute: (onDeath: OnDeath) => ComputeThread
  /** Not started yet. @throws MeshError `NET_BAD_ADDRESS`, `NET_OPTIONS` */
  readonly openNet: (chainId: Digest, keys: KeyPair) => Promise<Net>
  /** Of a key that came back from a backup; none where keys never do. */
  readonly restored?: RestoredMark
  /** Once in step with the mesh: is it the one that this peer was invited to? @throws MeshError `JOIN_TRUST` */
  readonly checkTrust: (chain: ChainStore, genesis: Genesis) => Promise<void>
}
