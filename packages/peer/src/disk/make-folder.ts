import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { cannotWrite } from './cannot-write.ts'

/** With all above it that are missing; its owner's alone. @throws MeshError `FOLDER_WRITE` */
export const makeFolder = (folder: string): Promise<void> =>
  make(folder).catch(cause => {
    throw cannotWrite('FOLDER_WRITE', folder, cause)
  })

/** Not by `recursive`: on a read-only disk that says ENOENT, and where the kernel says so of a folder in /proc it never ends. */
const make = async (at: string): Promise<void> => {
  try {
    await mkdir(at, { mode: 0o700 })
  } catch (cause) {
    if (await isFolder(at)) return
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) throw cause
    await make(dirname(at))
    await mkdir(at, { mode: 0o700 })
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isDirectory(),
    () => false
  )
