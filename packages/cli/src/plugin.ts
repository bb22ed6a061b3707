import { MeshError } from '@gradmesh/core'
import { keepPlugin } from '@gradmesh/peer'
import { findPlugin, taskKinds } from '@gradmesh/train'
import { usage } from './arguments.ts'
import type { Values } from './command.ts'

/** Keeps in the folder where `--task` leads, so that later commands find it. @throws MeshError `TASK_PLUGIN`, `TASK_ABSENT`, `USAGE_VALUE` */
export const rememberPlugin = async (values: Values, folder: string): Promise<void> => {
  const name = values.text('task')
  if (name === undefined) return
  if (taskKinds().some(({ id }) => id === name))
    throw usage(
      'VALUE',
      `--task ${name} is a task of gradmesh itself`,
      'leave --task out: the mesh names its task, and only one from outside has to be found on this machine'
    )
  const place = await findPlugin(name, process.cwd())
  if (place !== null) return keepPlugin(folder, place)
  throw new MeshError('TASK_ABSENT', `no package ${name} is installed at or above this folder`, {
    remedy: `\`npm install ${name}\`, or name its file or folder as a path: ./${name}`,
    data: { task: name }
  })
}
