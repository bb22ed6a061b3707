import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '@gradmesh/store'
import { cannotWrite } from './cannot-write.ts'

/** A new file, on the disk when this returns. @throws MeshError `FOLDER_WRITE`, also when it exists. */
export const writeDurably = async (
  path: string,
  content: string | Uint8Array,
  mode: number
): Promise<void> => {
  const file = await open(path, 'wx', mode).catch(cause => {
    throw cannotWrite('FOLDER_WRITE', path, cause)
  })
  try {
    await writeFile(file, content)
    await file.sync()
  } catch (cause) {
    // Half a file would stand in the way of the next attempt.
    await rm(path, { force: true })
    throw cannotWrite('FOLDER_WRITE', path, cause)
  } finally {
    await file.close()
  }
}

/** In the place of the file that is there: after a crash it is the old one or the new one, whole. */
export const replaceDurably = async (path: string, content: string, mode: number): Promise<void> => {
  const beside = `${path}.new`
  await rm(beside, { force: true })
  await writeDurably(beside, content, mode)
  await rename(beside, path)
  await syncFolder(dirname(path))
}

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
