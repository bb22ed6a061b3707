/** Final weights as a safetensors file, which says what state they are. */
import { stat, writeFile } from 'node:fs/promises'
import { MeshError, toHex } from '@gradmesh/core'
import { unpack } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { type TensorToWrite, writeSafetensors } from '@gradmesh/models'
import { openChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { floatView } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'
import { paths, readGenesis } from './folder.ts'
import { restoreFromDisk } from './restoring.ts'
import type { StateTable } from './state-table.ts'
import { basesOf } from './task.ts'
import { startWorker } from './worker-rpc.ts'

export interface Exported {
  readonly height: number
  readonly round: number
  readonly root: string
  readonly bytes: number
}

/**
 * @param dataset where this machine keeps the mesh's data set, if its model starts from published weights.
 * @throws MeshError `GENESIS_MISSING`, `STORE_…`, `CHAIN_BROKEN`, `EXPORT_WRITE`, `DATA_…`
 */
export const exportWeights = async (
  folder: string,
  file: string,
  dataset: string | null = null
): Promise<Exported> => {
  const { genesis } = await readGenesis(folder)
  const database = await openLevelDb(paths(folder).chain, { create: false })
  const worker = startWorker<StateTable>('state-worker', null, () => {})
  try {
    const head = await restoreFromDisk(
      await openChain(database),
      worker.call,
      () => basesOf(genesis, dataset),
      () => {}
    )
    const weights = await worker.call.weights({ id: head.id })
    if (weights === null) throw new MeshError('CHAIN_BROKEN', 'the newest state is not held')
    const root = toHex(head.root)
    const content = writeSafetensors(tensorsOf(genesis, floatView(unpack(layoutOf(genesis), weights))), {
      chain_height: String(head.height),
      round: String(head.accounts.round),
      state_root: root
    })
    await writeFile(file, content).catch(cause => {
      throw new MeshError(
        'EXPORT_WRITE',
        `can't write ${file}: ${cause instanceof Error ? cause.message : cause}`,
        {
          cause,
          remedy: 'Choose a path in a folder that exists and that you may write.'
        }
      )
    })
    return { height: head.height, round: head.accounts.round, root, bytes: (await stat(file)).size }
  } finally {
    await worker.close()
    await database.close()
  }
}

/** `weights`: f32, tensors in genesis order, without padding. */
const tensorsOf = (genesis: Genesis, weights: Float32Array): TensorToWrite[] => {
  let at = 0
  return genesis.tensors.map(({ name, shape }) => {
    const start = at
    at += shape.reduce((a, b) => a * b, 1)
    const end = at
    return { name, shape, values: () => weights.subarray(start, end) }
  })
}
