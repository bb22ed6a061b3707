/** `source.ts FOLDER SEED`: serves a ledger as a peer does, and a bare stream beside it; says where, until it is ended. */
import { silentLogger, silentMetrics, systemClock, toHex } from '@gradmesh/core'
import { genesisSets } from '@gradmesh/ledger'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { chainTag, topicsOf } from '@gradmesh/peer'
import { openChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { newMemorySafetyDisk, openMemorySafety } from '@gradmesh/store/memory-safety'
import { chainIdOf, decodeGenesis, type Genesis } from '@gradmesh/wire'
import { startBare } from '../../../packages/net/test/fixtures/bare.ts'
import type { Context } from '../../../packages/peer/src/context.ts'
import { FaultCounter } from '../../../packages/peer/src/faults.ts'
import { Epochs } from '../../../packages/peer/src/round/epochs.ts'
import { serveRequests } from '../../../packages/peer/src/sync/serving.ts'
import { keysOf } from '../../../packages/peer/test/fixtures/script.ts'

const [folder = '', seed = ''] = process.argv.slice(2)
const keys = keysOf(`source ${seed}`)
const chain = await openChain(await openLevelDb(folder, { create: false }))
const genesis = decodeGenesis(chain.genesisBytes) as Genesis
const chainId = chainIdOf(genesis)
const net = await createLibp2pNet({
  secretKey: keys.secretKey,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: [],
  mdns: false,
  chainTag: chainTag(chainId),
  logger: silentLogger,
  metrics: silentMetrics
})
const context: Pick<
  Context,
  'net' | 'chain' | 'chainId' | 'genesis' | 'genesisBytes' | 'clock' | 'faults' | 'safety' | 'keys' | 'epochs'
> = {
  net,
  chain,
  chainId,
  genesis,
  genesisBytes: chain.genesisBytes,
  clock: systemClock,
  faults: new FaultCounter(silentMetrics),
  safety: await openMemorySafety(await newMemorySafetyDisk(keys.publicKey)),
  keys,
  epochs: new Epochs(genesisSets(genesis), keys.publicKey)
}
serveRequests(
  context as Context,
  { ledger: () => undefined, driver: () => undefined, pool: () => undefined, onHello: () => {} },
  'bench'
)
// Gossip reaches whoever shares a topic; what it brings is not looked at.
for (const { name, maxBytes } of Object.values(topicsOf(chainId)))
  net.subscribe(name, { maxBytes }, () => 'ignore')
await net.start()
const bare = await startBare()
process.send!({ address: net.addresses()[0], bare: bare.address, key: toHex(keys.publicKey) })
process.once('disconnect', () => process.exit())
