/** What is wrong with a task's options, so that a founder or a plug-in's author finds it. */
import { MeshError } from '@gradmesh/core'
import type { TaskOptions } from '../types.ts'

export const badOption = (task: string, option: string, what: string): MeshError =>
  new MeshError('TASK_OPTIONS', `task "${task}", option "${option}": ${what}`, {
    remedy: 'correct it at `gradmesh init --option KEY=VALUE`; a peer that joins takes it from the genesis',
    data: { task, option }
  })

/** For tasks without any. Code: `TASK_OPTIONS`. */
export const noOptions = (task: string, options: TaskOptions): void => {
  const [option] = Object.keys(options)
  if (option !== undefined) throw badOption(task, option, 'this task has no options')
}
