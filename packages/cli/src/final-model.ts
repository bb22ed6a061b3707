/** The newest final weights of a peer's folder, with the task's data and an adapter: what a model is asked with. */
import { MeshError } from '@gradmesh/core'
import { newestWeights, pluginIn, taskOf } from '@gradmesh/peer'
import { type Device, openDevice } from '@gradmesh/tensor'
import type { Inference, LoadedTask, Task } from '@gradmesh/train'
import type { Options, Values } from './command.ts'
import { requireFolder } from './folder.ts'
import { dataOption, datasetOf, datasetOption, folderOf, peerOptions } from './settings.ts'

export const finalModelOptions = {
  ...dataOption,
  ...datasetOption,
  adapter: peerOptions.adapter
} as const satisfies Options

export interface FinalModel extends AsyncDisposable {
  readonly task: Task
  readonly loaded: LoadedTask
  readonly device: Device
  /** f32, tensors in genesis order, without padding. */
  readonly weights: Float32Array
  /** `root` in hexadecimal: what the weights can be checked against. */
  readonly state: { readonly height: number; readonly round: number; readonly root: string }
}

/** Dispose of it, or the process goes on. Codes: those of `newestWeights`, of the task's data and of the adapter. */
export const openFinalModel = async (values: Values): Promise<FinalModel> => {
  const folder = folderOf(values)
  await requireFolder(folder)
  const dataset = datasetOf(values)
  const { genesis, height, round, root, weights } = await newestWeights(folder, dataset).catch(whileRunning)
  const task = await taskOf(genesis, await pluginIn(folder, genesis))
  const loaded = await task.load({ seed: genesis.seed, folder: dataset })
  const adapter = values.text('adapter')
  const device = await openDevice(adapter === undefined ? {} : { adapter })
  return {
    task,
    loaded,
    device,
    weights,
    state: { height, round, root },
    async [Symbol.asyncDispose]() {
      device.close()
    }
  }
}

/** The task's model with the weights, to be asked; null where it can't be. */
export const inferenceOf = async ({ loaded, device, weights }: FinalModel): Promise<Inference | null> => {
  const inference = (await loaded.inference?.(device)) ?? null
  inference?.load(weights)
  return inference
}

export const stateLine = ({ task, state: { height, round, root } }: FinalModel): string =>
  `${task.id} after round ${round} (height ${height}, state root ${root})`

const whileRunning = (error: unknown): never => {
  if (!(error instanceof MeshError) || error.code !== 'STORE_LOCKED') throw error
  throw new MeshError(error.code, error.message, {
    cause: error,
    remedy:
      'stop the peer first, or ask it while it runs: POST /v1/completions and /v1/embeddings on its HTTP port',
    data: error.data
  })
}
