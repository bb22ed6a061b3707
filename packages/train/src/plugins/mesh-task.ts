/** The task that a genesis names: one of ours, or a plug-in of which this machine has a copy. */
import { MeshError } from '@gradmesh/core'
import { openTask, taskKind, taskKinds } from '../tasks/index.ts'
import type { Task, TaskKind, TaskOptions } from '../types.ts'
import { findPlugin, loadPlugin } from './plugin.ts'

export interface NamedTask {
  readonly id: string
  readonly options: TaskOptions
  /** Of a plug-in's files; null for a task of ours. */
  readonly digest: Uint8Array | null
}

/**
 * `place`: where this machine has the plug-in; null looks for a package of its name from `from` upwards.
 * @throws MeshError `TASK_UNKNOWN`, `TASK_OPTIONS`, `TASK_PLUGIN`, `TASK_ABSENT`, `TASK_DIGEST`
 */
export const openMeshTask = async (
  { id, options, digest }: NamedTask,
  place: string | null,
  from: string
): Promise<Task> => {
  if (digest === null) return openTask({ id, options })
  const found = place ?? (await findPlugin(id, from))
  if (found === null)
    throw new MeshError(
      'TASK_ABSENT',
      `the mesh's task "${id}" is a plug-in that this machine does not have`,
      {
        remedy: `get it from the mesh's founder; then \`npm install ${id}\` here, or name its file or folder with --task PATH`,
        data: { task: id }
      }
    )
  const { kind } = await loadPlugin(found, digest)
  return kind.open(options)
}

export interface FoundKind {
  readonly kind: TaskKind
  /** Of a plug-in; null for a task of ours. */
  readonly plugin: { readonly place: string; readonly digest: Uint8Array } | null
}

/** What a founder names: a task of ours, a path, a package. @throws MeshError `TASK_UNKNOWN`, `TASK_PLUGIN` */
export const findKind = async (name: string, from: string): Promise<FoundKind> => {
  if (taskKinds().some(({ id }) => id === name)) return { kind: taskKind(name), plugin: null }
  const place = await findPlugin(name, from)
  if (place === null) return { kind: taskKind(name), plugin: null }
  const { kind, digest } = await loadPlugin(place, null)
  return { kind, plugin: { place, digest } }
}
