/**
 * `joiner.ts FOLDER JSON`: a peer that starts with nothing and catches up, as the daemon's own but for the adapter;
 * before and after, the same bytes over a bare stream. Tells the figures of both and ends.
 */
import { open } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Logger, type Metrics, Prng, pause, silentLogger, systemClock } from '@gradmesh/core'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { chainTag } from '@gradmesh/peer'
import { MeshPeer, type Ports, serveHere } from '@gradmesh/peer/parts'
import { initSafety, openSafety } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { decodeGenesis, encodeGenesis, type Genesis, leafDigest } from '@gradmesh/wire'
import { startBare } from '../../../packages/net/test/fixtures/bare.ts'
import type { StateTable } from '../../../packages/peer/src/state/state-table.ts'
import { startWorker } from '../../../packages/peer/src/worker-rpc.ts'
import { keysOf } from '../../../packages/peer/test/fixtures/script.ts'
import { simTrainer } from '../../sim/mesh/trainer.ts'
import { genesisOf, type Shape } from './ledger.ts'

export interface Task {
  readonly shape: Shape
  readonly sources: readonly string[]
  readonly bare: string
  readonly verbose: boolean
}

export interface Joined {
  /** Of the checkpoint. */
  readonly bytes: number
  /** The mean of one before and one after. */
  readonly bareSeconds: number
  /** Those, and as many bytes hashed leaf by leaf and written to a file that is then on the disk. */
  readonly boundSeconds: number
  readonly fetchSeconds: number
  readonly replayed: number
  readonly replaySeconds: number
  /** From the start of the peer to the newest final block. */
  readonly joinSeconds: number
  readonly fetchDelay: Delay
  readonly replayDelay: Delay
}

export interface Delay {
  readonly p99Ms: number
  readonly maxMs: number
}

const RESOLUTION_MS = 5
const RUN_BYTES = 1024 * 1024

const [folder = '', words = ''] = process.argv.slice(2)
const { shape, sources, bare: bareAddress, verbose }: Task = JSON.parse(words)
const genesisBytes = encodeGenesis(genesisOf(shape))
const genesis = decodeGenesis(genesisBytes) as Genesis
const keys = keysOf('joiner')
await initSafety(`${folder}/safety`, keys.publicKey)

const gauges = new Map<string, number>()
const metrics: Metrics = {
  count() {},
  observe() {},
  gauge: (name, value) => void gauges.set(name, value)
}
const tell = (fields: object, message: string): void => console.error(message, JSON.stringify(fields))
const logger: Logger = verbose ? { ...silentLogger, info: tell, warn: tell, error: tell } : silentLogger

/** Delay of this thread's event loop, of the mesh's own thread then, in each phase. */
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
histogram.enable()
const takeDelay = (): Delay => {
  const of = (percentile: number): number =>
    Math.max(0, histogram.percentile(percentile) / 1e6 - RESOLUTION_MS)
  const delay = { p99Ms: of(99), maxMs: of(100) }
  histogram.reset()
  return delay
}

const ports: Ports = {
  clock: systemClock,
  metrics,
  loopDelay: { p99Ms: () => 0, reset: () => {} },
  openSafety: () => openSafety(`${folder}/safety`),
  openDatabase: () => openLevelDb(`${folder}/chain`, { create: true }),
  openState: onDeath => startWorker<StateTable>('state/state-worker', null, onDeath),
  openCompute: () => serveHere(simTrainer(genesis, systemClock, new Prng('joiner'))),
  openNet: (chainId, { secretKey }) =>
    createLibp2pNet({
      secretKey,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [...sources],
      mdns: false,
      chainTag: chainTag(chainId),
      logger,
      metrics
    }),
  checkTrust: async () => {}
}

const bare = await startBare()
const bytes = 4 * genesis.delta.chunk * Math.ceil(shape.parameters / genesis.delta.chunk)
// The first compiles code.
await bare.fetch(bareAddress, bytes)
const bareSeconds = [await bare.fetch(bareAddress, bytes)]

const peer = new MeshPeer(
  ports,
  {
    folder,
    http: { host: '127.0.0.1', port: 0 },
    listen: [],
    bootstrap: sources,
    mdns: false,
    adapter: null,
    dataset: null,
    train: false,
    label: 'joiner',
    evaluateEvery: 1_000_000,
    logger
  },
  keys,
  genesis,
  genesisBytes
)
const startMs = performance.now()
await peer.open()
histogram.reset()
await peer.start()
const adoptedMs = performance.now()
const fetchDelay = takeDelay()
const from = peer.ledger!.final.height
while (peer.ledger!.final.height < shape.blocks) await pause(systemClock, 5)
const endMs = performance.now()
const replayDelay = takeDelay()
bareSeconds.push(await bare.fetch(bareAddress, bytes))
const bareMean = (bareSeconds[0]! + bareSeconds[1]!) / 2

const checkAndWrite = async (): Promise<number> => {
  const run = new Uint8Array(RUN_BYTES).fill(1)
  const leafBytes = 4 * genesis.delta.chunk
  const file = await open(`${folder}/bound`, 'w')
  const startMs = performance.now()
  for (let at = 0; at < bytes; at += run.length) {
    const part = run.subarray(0, Math.min(run.length, bytes - at))
    for (let leaf = 0; leaf < part.length; leaf += leafBytes)
      leafDigest(part.subarray(leaf, leaf + leafBytes))
    await file.write(part, 0, part.length, at)
  }
  await file.datasync()
  const seconds = (performance.now() - startMs) / 1000
  await file.close()
  return seconds
}

const joined: Joined = {
  bytes: gauges.get('gradmesh_checkpoint_fetched_bytes') ?? 0,
  bareSeconds: bareMean,
  boundSeconds: bareMean + (await checkAndWrite()),
  fetchSeconds: gauges.get('gradmesh_checkpoint_fetch_seconds') ?? Number.NaN,
  replayed: shape.blocks - from,
  replaySeconds: (endMs - adoptedMs) / 1000,
  joinSeconds: (endMs - startMs) / 1000,
  fetchDelay,
  replayDelay
}
process.send!(joined)
await peer.stop()
await bare.stop()
process.exit()
