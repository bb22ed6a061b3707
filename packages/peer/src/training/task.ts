/** The task that a genesis names, as this release has it. */
import { MeshError } from '@gradmesh/core'
import { openTask, type Task, type TaskOptions, taskKind } from '@gradmesh/train'
import type { Genesis } from '@gradmesh/wire'

/** Its tensors are those that the mesh agreed on. @throws MeshError `TASK_UNKNOWN`, `TASK_OPTIONS`, `GENESIS_TASK` */
export const taskOf = ({ task: { id, options }, tensors }: Genesis): Task => {
  const task = openTask({ id, options })
  const known = task.tensors()
  const fits =
    known.length === tensors.length &&
    known.every(
      ({ name, shape }, i) => name === tensors[i]!.name && shape.join() === tensors[i]!.shape.join()
    )
  if (fits) return task
  throw new MeshError('GENESIS_TASK', `the mesh's task "${id}" has other tensors than this release's`, {
    remedy: 'Install the release of gradmesh that the mesh runs.'
  })
}

export type Bases = ReadonlyMap<string, Int32Array>

/**
 * What tensors start from that neither are zero nor drawn: needed where a chain starts, and to replay it from
 * there. `folder` is where this machine keeps the data set. @throws MeshError `DATA_…`
 */
export const basesOf = async (genesis: Genesis, folder: string | null): Promise<Bases> =>
  genesis.tensors.some(({ base }) => base !== null) ? taskOf(genesis).bases(folder) : new Map()

export interface Founded {
  readonly task: Task
  readonly bases: Bases
}

/** A task for a new mesh, from what its founder said. @throws MeshError `TASK_UNKNOWN`, `TASK_OPTIONS`, `DATA_…` */
export const foundTask = async (
  id: string,
  asked: TaskOptions = {},
  folder: string | null = null
): Promise<Founded> => {
  const kind = taskKind(id)
  const task = kind.open(await kind.found(asked, folder))
  return { task, bases: await task.bases(folder) }
}
