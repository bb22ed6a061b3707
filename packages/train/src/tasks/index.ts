import { MeshError } from '@gradmesh/core'
import type { Task } from '../types.ts'
import { digits } from './digits.ts'

/** Every task that this version knows. A new task is one file beside this, named here. */
export const tasks = (): readonly Task[] => [digits()]

/** The task that a genesis names. Throws `TASK_UNKNOWN`. */
export const taskById = (id: string): Task => {
  const found = tasks().find(task => task.id === id)
  if (found !== undefined) return found
  const known = tasks().map(task => task.id)
  throw new MeshError('TASK_UNKNOWN', `this version of gradmesh has no task "${id}"`, {
    remedy: `choose one of: ${known.join(', ')}; or install the version that the mesh runs`,
    data: { task: id, known: known.join(' ') }
  })
}
