/** What every part of a running peer is given: the agreed, the own, and the doors to the outside. */

import {
  assert,
  type Clock,
  DIGEST_BYTES,
  fromHex,
  type Logger,
  type Metrics,
  type News
} from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import type { ChainStore, SafetyStore } from '@gradmesh/store'
import type { Digest, Genesis, KeyPair } from '@gradmesh/wire'
import type { FaultCounter } from './faults.ts'
import type { NodeOptions } from './options.ts'
import type { Epochs } from './round/epochs.ts'
import type { StateTable } from './state/state-table.ts'
import type { Topics } from './topics.ts'
import type { Remote } from './worker-rpc.ts'

export interface Context {
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  readonly chainId: Digest
  readonly topics: Topics
  readonly keys: KeyPair
  /** The own public key in hexadecimal. */
  readonly self: string
  readonly epochs: Epochs
  readonly options: NodeOptions
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly faults: FaultCounter
  readonly net: Net
  /** Told when a peer connects, leaves or says how far it is, and when this one stops: nobody waits for others then. */
  readonly company: News
  readonly chain: ChainStore
  readonly safety: SafetyStore
  readonly state: Remote<StateTable>
  /** For failures that no part can handle: the peer stops, loudly, with its ledger intact. */
  readonly fail: (error: unknown) => void
}

/** A digest back from its hexadecimal form, which the parts of a peer use as map keys. */
export const digestOf = (hex: string): Digest => {
  const bytes = fromHex(hex)
  assert(bytes?.length === DIGEST_BYTES, 'a digest has 64 hexadecimal digits')
  return bytes
}

/** Publishes what is said again later anyway: a failure is not worth more than a line in the log. */
export const publishAnyhow = ({ net, log }: Context, topic: string, bytes: Uint8Array): void => {
  net.publish(topic, bytes).catch(error => log.debug({ error, topic }, 'a message could not be published'))
}
