/** The task that a genesis names, as this release has it. */
import { MeshError } from '@gradmesh/core'
import { findKind, openMeshTask, type Task, type TaskOptions } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'

/**
 * Its tensors are those that the mesh agreed on. `plugin`: where this machine has it, if it is one.
 * @throws MeshError `TASK_…`, `GENESIS_TASK`
 */
export const taskOf = async ({ task: named, tensors }: Genesis, plugin: string | null): Promise<Task> => {
  const task = await openMeshTask(named, plugin, process.cwd())
  const known = task.tensors()
  const fits =
    known.length === tensors.length &&
    known.every(
      ({ name, shape }, i) => name === tensors[i]!.name && shape.join() === tensors[i]!.shape.join()
    )
  if (fits) return task
  throw new MeshError('GENESIS_TASK', `the mesh's task "${named.id}" has other tensors than this release's`, {
    remedy: 'Install the release of gradmesh that the mesh runs.'
  })
}

export type Bases = ReadonlyMap<string, Int32Array>

/**
 * What tensors start from that neither are zero nor drawn: needed where a chain starts, and to replay it from
 * there. `folder` is where this machine keeps the data set. @throws MeshError `DATA_…`
 */
export const basesOf = async (
  genesis: Genesis,
  folder: string | null,
  plugin: string | null
): Promise<Bases> =>
  genesis.tensors.some(({ base }) => base !== null)
    ? (await taskOf(genesis, plugin)).bases(folder)
    : new Map()

export interface Founded {
  readonly task: Task
  readonly bases: Bases
  /** Of a task from outside: where it lies, and the digest that names it in the genesis. */
  readonly plugin: { readonly place: string; readonly digest: Uint8Array } | null
}

/**
 * A task for a new mesh, from what its founder said: the name of a task of ours, a path, or a package.
 * @throws MeshError `TASK_…`, `DATA_…`
 */
export const foundTask = async (
  name: string,
  asked: TaskOptions = {},
  folder: string | null = null
): Promise<Founded> => {
  const { kind, plugin } = await findKind(name, process.cwd())
  const task = kind.open(await kind.found(asked, folder))
  return { task, bases: await task.bases(folder), plugin }
}
