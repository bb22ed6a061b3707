/** Final weights as a safetensors file: an 8-byte header length, a JSON header, the tensors as f32. */
import { writeFile } from 'node:fs/promises'
import { MeshError, toHex, utf8 } from '@gradmesh/core'
import { unpack } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { openChain } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import { floatView } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'
import { paths, readGenesis } from './folder.ts'
import { restoreFromDisk } from './restoring.ts'
import type { StateTable } from './state-table.ts'
import { basesOf } from './task.ts'
import { startWorker } from './worker-rpc.ts'

const SPACE = 0x20

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
    const content = safetensors(genesis, floatView(unpack(layoutOf(genesis), weights)), {
      format: 'pt',
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
    return { height: head.height, round: head.accounts.round, root, bytes: content.length }
  } finally {
    await worker.close()
    await database.close()
  }
}

/** `weights`: f32, tensors in genesis order, without padding. */
export const safetensors = (
  genesis: Genesis,
  weights: Float32Array,
  metadata: Readonly<Record<string, string>>
): Uint8Array => {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let at = 0
  for (const { name, shape } of genesis.tensors) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1)
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  // The header is padded with spaces so that the data begin on 8 bytes.
  const text = utf8(JSON.stringify(header))
  const head = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(SPACE)
  head.set(text)
  const file = new Uint8Array(8 + head.length + at)
  const view = new DataView(file.buffer)
  view.setBigUint64(0, BigInt(head.length), true)
  file.set(head, 8)
  for (let i = 0; i < weights.length; i++) view.setFloat32(8 + head.length + 4 * i, weights[i]!, true)
  return file
}
