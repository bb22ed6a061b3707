/**
 * Sends a stake transaction of the folder's key into the mesh: through a network port of its own, under a
 * passing key, so that it works while the peer of that folder runs. The peers that it is sent to spread it.
 */
import { randomBytes } from 'node:crypto'
import { type Logger, MeshError, pause, silentMetrics, systemClock } from '@gradmesh/core'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { chainIdOf, encodeTransaction, keyPairFromSeed, type StakeOrder, signStake } from '@gradmesh/wire'
import { readGenesis, readKey } from './folder.ts'
import { chainTag, topicsOf } from './topics.ts'

const CONNECT_MS = 10_000
const POLL_MS = 50
/** Until the message has left the queue of the connections. */
const LEAVE_MS = 500

type Unkeyed<T> = T extends StakeOrder ? Omit<T, 'key'> : never

export interface OrderOptions {
  readonly folder: string
  /** Opens a key that is sealed by one. */
  readonly passphrase?: string | undefined
  readonly order: Unkeyed<StakeOrder>
  /** Of peers of the mesh; one that answers is enough. */
  readonly addresses: readonly string[]
  readonly logger: Logger
}

/** @throws MeshError `ORDER_UNREACHABLE`, `KEY_…`, `GENESIS_MISSING` */
export const sendOrder = async ({
  folder,
  passphrase,
  order,
  addresses,
  logger
}: OrderOptions): Promise<void> => {
  const keys = await readKey(folder, { passphrase })
  const { genesis } = await readGenesis(folder)
  const chainId = chainIdOf(genesis)
  const { transactions } = topicsOf(chainId)
  const tx = signStake({ ...order, key: keys.publicKey } as StakeOrder, chainId, keys)
  const net = await createLibp2pNet({
    secretKey: keyPairFromSeed(new Uint8Array(randomBytes(32))).secretKey,
    listen: [],
    bootstrap: [],
    mdns: false,
    chainTag: chainTag(chainId),
    logger,
    metrics: silentMetrics,
    peerExchange: false
  })
  net.subscribe(transactions.name, transactions, () => 'ignore')
  await net.start()
  try {
    for (const address of addresses) await net.dial(address).catch(() => undefined)
    const until = systemClock.nowMs() + CONNECT_MS
    while (net.peers().length === 0 && systemClock.nowMs() < until) await pause(systemClock, POLL_MS)
    if (net.peers().length === 0) {
      throw new MeshError('ORDER_UNREACHABLE', `none of ${addresses.length} addresses of the mesh answers`, {
        remedy: 'Start a peer of the mesh, or name one that runs with --url.'
      })
    }
    await net.publish(transactions.name, encodeTransaction(tx))
    await pause(systemClock, LEAVE_MS)
  } finally {
    await net.stop()
  }
}
