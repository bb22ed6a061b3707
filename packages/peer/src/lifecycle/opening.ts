/** What a peer opens before its parts can work: the two databases and the compute thread. */
import { type Clock, equalBytes, MeshError, type Metrics, toHex } from '@gradmesh/core'
import { genesisSets } from '@gradmesh/ledger'
import type { Net } from '@gradmesh/net'
import { type ChainStore, createChain, type SafetyStore } from '@gradmesh/store'
import type { AdapterInfo } from '@gradmesh/tensor'
import { chainIdOf, type Genesis, type KeyPair } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { pluginIn } from '../disk/folder.ts'
import { FaultCounter } from '../faults.ts'
import type { AnsweringTable } from '../inference/answering.ts'
import type { NodeOptions } from '../options.ts'
import type { Ports } from '../ports.ts'
import { Epochs } from '../round/epochs.ts'
import { storedError } from '../sync/resuming.ts'
import { topicsOf } from '../topics.ts'
import type { ComputeTable } from '../training/computing.ts'
import type { Remote } from '../worker-rpc.ts'
import type { Closers } from './lifetime.ts'

/** A thread that is ended inside the GPU runtime takes the whole process with it: only one that hangs is. */
const GPU_CLOSE_MS_MAX = 60_000

/** @throws MeshError `SAFETY_OTHER_KEY`, `CHAIN_BELOW_SAFETY`, `STORE_…` */
export const openStores = async (
  { openSafety, openDatabase }: Pick<Ports, 'openSafety' | 'openDatabase'>,
  keys: KeyPair,
  genesisBytes: Uint8Array,
  closers: Closers
): Promise<{ safety: SafetyStore; chain: ChainStore }> => {
  const safety = await openSafety()
  closers.push(() => safety.close())
  if (!equalBytes(safety.key, keys.publicKey)) {
    throw new MeshError('SAFETY_OTHER_KEY', "`safety/` holds the votes of another key than the folder's", {
      remedy:
        'Put the `key` back that belongs to this `safety/`. Without its own record a key could contradict what it has signed.',
      data: { key: toHex(keys.publicKey), safety: toHex(safety.key) }
    })
  }
  const database = await openDatabase()
  closers.push(() => database.close())
  const chain = await createChain(database, genesisBytes)
  const seen = await safety.final()
  const head = chain.head().height
  // An empty chain is fetched anew, and nothing is signed before it has come as far as this key has seen.
  if (seen !== undefined && head > 0 && seen.height > head) {
    throw new MeshError(
      'CHAIN_BELOW_SAFETY',
      `chain/ ends at height ${head}, but this key has seen height ${seen.height} become final`,
      {
        remedy:
          'chain/ was rolled back or damaged. Move it away (keep `key` and `safety/`) and start again: it is fetched from the mesh.',
        data: { head, seen: seen.height }
      }
    )
  }
  return { safety, chain }
}

export interface ContextInit {
  readonly options: NodeOptions
  readonly keys: KeyPair
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  /** The key came back from a backup: it does not vote yet. */
  readonly isRestored: boolean
  readonly clock: Clock
  readonly metrics: Metrics
  readonly safety: SafetyStore
  readonly chain: ChainStore
  readonly net: Net
  readonly company: Context['company']
  readonly state: Context['state']
  readonly fail: Context['fail']
}

export const makeContext = ({ isRestored, ...init }: ContextInit): Context => {
  const { options, keys, genesis, metrics } = init
  const chainId = chainIdOf(genesis)
  return {
    ...init,
    chainId,
    topics: topicsOf(chainId),
    self: toHex(keys.publicKey),
    epochs: new Epochs(genesisSets(genesis), isRestored ? null : keys.publicKey),
    log: options.logger,
    faults: new FaultCounter(metrics)
  }
}

export interface StartedCompute {
  readonly call: Remote<ComputeTable>
  readonly answering: Remote<AnsweringTable> | null
  /** Opening an adapter takes a second, the first time on it minutes. Rejects with `GPU_…` and `DATA_…`. */
  readonly opened: Promise<OpenedCompute>
  /** The own delta that still waits for the ledger's word. */
  readonly openDelta: { readonly round: number; readonly digest: string } | null
}

export interface OpenedCompute {
  readonly adapter: AdapterInfo
  /** Training samples that rows are drawn from. */
  readonly samples: number
}

/** Starts the thread, and the opening of its adapter. */
export const startCompute = async (
  ports: Pick<Ports, 'openCompute'>,
  context: Pick<Context, 'genesis' | 'options' | 'chain' | 'clock' | 'log' | 'metrics' | 'fail'>,
  closers: Closers
): Promise<StartedCompute> => {
  const { genesis, options, clock, fail } = context
  const { task, seed, delta, training } = genesis
  const thread = ports.openCompute(fail)
  closers.push(async () => {
    // What a start that failed elsewhere has left the adapter at.
    await thread.call.abandon(undefined).catch(() => {})
    await settleWithin(clock, GPU_CLOSE_MS_MAX, thread.call.close(undefined))
    await thread.close()
  })
  const stored = await storedError(context)
  const plugin = await pluginIn(options.folder, genesis)
  const opened = thread.call.open({
    task,
    seed,
    plugin,
    dataset: options.dataset,
    adapter: options.adapter,
    batch: training.batch,
    chunk: delta.chunk,
    keep: delta.keep,
    decayQ8: delta.errorDecayQ8,
    gpuShare: options.caps?.gpuShare ?? null,
    stored: stored?.buffer ?? null
  })
  opened.then(
    ({ adapter: { name, software } }) =>
      options.logger.info({ adapter: name, software }, 'the adapter is ready'),
    // Whoever awaits it handles its failure; until then it must not count as unhandled.
    () => {}
  )
  const openDelta = stored?.isOpen ? { round: stored.round, digest: stored.digest } : null
  return { call: thread.call, answering: thread.answering ?? null, opened, openDelta }
}

const settleWithin = async (clock: Clock, timeMs: number, work: Promise<unknown>): Promise<void> => {
  const late = Promise.withResolvers<void>()
  const timer = clock.after(timeMs, late.resolve)
  await Promise.race([work.catch(() => {}), late.promise])
  timer.cancel()
}
