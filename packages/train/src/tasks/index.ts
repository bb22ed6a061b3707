import { MeshError } from '@gradmesh/core'
import type { Task, TaskKind, TaskOptions } from '../types.ts'
import { causal } from './causal.ts'
import { digits } from './digits.ts'
import { entities } from './entities.ts'
import { images } from './images.ts'
import { masked } from './masked.ts'
import { sequences } from './sequences.ts'

/** Every kind of task that this version knows. A new one is a file beside this, named here. */
export const taskKinds = (): readonly TaskKind[] => [digits(), entities, sequences, images, causal, masked]

/** Throws `TASK_UNKNOWN`. */
export const taskKind = (id: string): TaskKind => {
  const found = taskKinds().find(kind => kind.id === id)
  if (found !== undefined) return found
  const known = taskKinds().map(kind => kind.id)
  throw new MeshError('TASK_UNKNOWN', `this version of gradmesh has no task "${id}"`, {
    remedy: `choose one of: ${known.join(', ')}; or install the version that the mesh runs`,
    data: { task: id, known: known.join(' ') }
  })
}

/** The task that a genesis names. Throws `TASK_UNKNOWN`, `TASK_OPTIONS`. */
export const openTask = ({ id, options }: { readonly id: string; readonly options: TaskOptions }): Task =>
  taskKind(id).open(options)
