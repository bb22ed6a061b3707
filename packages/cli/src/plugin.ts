import { MeshError } from '@gradmesh/core'
import { keepPlugin } from '@gradmesh/peer'
import { findPlugin } from '@gradmesh/train'
import type { Values } from './command.ts'

/** Keeps in the folder where `--task` leads, so that later commands find it. @throws MeshError `TASK_PLUGIN`, `TASK_ABSENT` */
export const rememberPlugin = async (values: Values, folder: string): Promise<void> => {
  const name = values.text('task')
  if (name === undefined) return
  const place = await findPlugin(name, process.cwd())
  if (place !== null) return keepPlugin(folder, place)
  throw new MeshError('TASK_ABSENT', `no package ${name} is installed at or above this folder`, {
    remedy: `\`npm install ${name}\`, or name its file or folder as a path: ./${name}`,
    data: { task: name }
  })
}
