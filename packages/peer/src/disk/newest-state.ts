/** The newest final state that a folder holds, for commands that ask it while its peer is not running. */
import { type ChainStore, openChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import type { Genesis } from '@gradmesh/wire'
import type { StateHead, StateTable } from '../state/state-table.ts'
import { restoreFromDisk } from '../sync/restoring.ts'
import { type Remote, startWorker } from '../worker-rpc.ts'
import { paths } from './folder.ts'
import { originOf } from './start.ts'

export interface FolderOf {
  readonly folder: string
  readonly genesis: Genesis
  /** Where this machine keeps the mesh's data set, if its model starts from published weights. */
  readonly dataset: string | null
}

export interface NewestState {
  readonly chain: ChainStore
  readonly state: Remote<StateTable>
  /** Undefined where the mesh goes on from another whose state is not held here. */
  readonly head: StateHead | undefined
}

/**
 * What `look` makes of it; chain and state thread are closed afterwards.
 * @throws MeshError `STORE_…`, `CHAIN_BROKEN`, `DATA_…`, and what `look` throws
 */
export const withNewestState = async <T>(
  { folder, genesis, dataset }: FolderOf,
  look: (newest: NewestState) => Promise<T>
): Promise<T> => {
  const database = await openLevelDb(paths(folder).chain, { create: false })
  const worker = startWorker<StateTable>('state/state-worker', null, () => {})
  try {
    const chain = await openChain(database)
    const head = await restoreFromDisk(
      chain,
      worker.call,
      () => originOf(genesis, folder, dataset),
      () => {}
    )
    return await look({ chain, state: worker.call, head })
  } finally {
    await worker.close()
    await database.close()
  }
}
