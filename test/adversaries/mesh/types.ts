/** A peer that follows the rules inside, and whose words to the others an adversary bends. */
import type { Prng } from '@gradmesh/core'
import type { Net, PeerKey } from '@gradmesh/net'
import type { Topics } from '@gradmesh/peer'
import type { Digest, Genesis, KeyPair } from '@gradmesh/wire'

export interface Liar {
  readonly prng: Prng
  readonly keys: KeyPair
  /** Index into the validators. */
  readonly validator: number
  readonly genesis: Genesis
  readonly chainId: Digest
  readonly topics: Topics
  /** The other peers. */
  readonly others: readonly PeerKey[]
  /** Calls `run` after a time. */
  after(delayMs: number, run: () => void): void
  /** Publishes to these alone; what they pass on is their affair. */
  tell(to: readonly PeerKey[], topic: string, message: Uint8Array): void
}

export interface MeshAdversary {
  readonly name: string
  /** Two bodies with one key, each on its own network identity. */
  readonly twin: boolean
  /** What stands between the peer and its network. */
  readonly bend: (net: Net, liar: Liar) => Net
}
