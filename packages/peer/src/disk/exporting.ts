/** Final weights as a safetensors file, which says what state they are. */
import { stat } from 'node:fs/promises'
import { MeshError, toHex } from '@gradmesh/core'
import { unpack } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { type TensorToWrite, writeSafetensors } from '@gradmesh/models'
import { floatView } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'
import { taskOf } from '../training/task.ts'
import { pluginIn, readGenesis } from './folder.ts'
import { withNewestState } from './newest-state.ts'
import { writeWhole } from './write-whole.ts'

export interface Exported {
  /** The lowest block that the folder holds. */
  readonly base: number
  readonly height: number
  readonly round: number
  readonly root: string
  readonly bytes: number
}

export interface FinalWeights {
  readonly genesis: Genesis
  /** The lowest block that the folder holds; how the weights came about before it can't be replayed from it. */
  readonly base: number
  readonly height: number
  readonly round: number
  /** Of the state, in hexadecimal digits. */
  readonly root: string
  /** f32, tensors in genesis order, without padding. */
  readonly weights: Float32Array
}

/**
 * The newest final weights of a folder whose peer is not running.
 * @param dataset where this machine keeps the mesh's data set, if its model starts from published weights.
 * @throws MeshError `GENESIS_MISSING`, `STORE_…`, `CHAIN_BROKEN`, `DATA_…`
 */
export const newestWeights = async (folder: string, dataset: string | null = null): Promise<FinalWeights> => {
  const { genesis } = await readGenesis(folder)
  return withNewestState({ folder, genesis, dataset }, async ({ chain, state, head }) => {
    if (head === undefined)
      throw new MeshError('CHAIN_BROKEN', 'the folder holds no state of its mesh yet', {
        remedy: 'Run `gradmesh up` until the peer is in step.'
      })
    const padded = await state.weights({ id: head.id })
    if (padded === null) throw new MeshError('CHAIN_BROKEN', 'the newest state is not held')
    const weights = floatView(unpack(layoutOf(genesis), padded))
    const { height, accounts, root } = head
    const base = chain.base().height
    return { genesis, base, height, round: accounts.round, root: toHex(root), weights }
  })
}

/**
 * As `newestWeights`. `merge`: the whole model, with what the mesh learnt added to its base.
 * @throws MeshError also `EXPORT_WRITE`, `EXPORT_MERGE`
 */
export const exportWeights = async (
  folder: string,
  file: string,
  dataset: string | null = null,
  merge = false
): Promise<Exported> => {
  const { genesis, base, height, round, root, weights } = await newestWeights(folder, dataset)
  const tensors = merge
    ? await merged(genesis, weights, dataset, await pluginIn(folder, genesis))
    : tensorsOf(genesis, weights)
  const content = writeSafetensors(tensors, {
    chain_height: String(height),
    round: String(round),
    state_root: root
  })
  await writeWhole('EXPORT_WRITE', file, content)
  return { base, height, round, root, bytes: (await stat(file)).size }
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

const merged = async (
  genesis: Genesis,
  weights: Float32Array,
  dataset: string | null,
  plugin: string | null
): Promise<TensorToWrite[]> => {
  const task = await taskOf(genesis, plugin)
  const whole = await task.merged?.(weights, dataset)
  if (whole !== undefined) return whole.map(tensor => ({ ...tensor, values: () => tensor.values }))
  throw new MeshError('EXPORT_MERGE', `task "${task.id}" of this mesh has no adapters to merge`, {
    remedy: 'leave --merge out: the export is the whole model',
    data: { task: task.id }
  })
}
