import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '@gradmesh/core'

/** A new file, on the disk when this returns. @throws MeshError `FOLDER_WRITE`, also when it exists. */
export const writeDurably = async (
  path: string,
  content: string | Uint8Array,
  mode: number
): Promise<void> => {
  const file = await open(path, 'wx', mode).catch(cause => {
    throw cannotWrite(`can't write ${path}`, cause)
  })
  try {
    await writeFile(file, content)
    await file.sync()
  } catch (cause) {
    // Half a file would stand in the way of the next attempt.
    await rm(path, { force: true })
    throw cannotWrite(`can't write ${path}`, cause)
  } finally {
    await file.close()
  }
}

/** `FOLDER_WRITE`, with what helps against its cause. */
export const cannotWrite = (what: string, cause: unknown): MeshError => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return new MeshError('FOLDER_WRITE', `${what}: ${reason(cause)}`, {
    cause,
    remedy:
      code === 'EEXIST'
        ? 'It exists already and is never overwritten: name another, or move this one away.'
        : code === 'ENOSPC' || code === 'EDQUOT'
          ? 'Free space on that disk and try again.'
          : 'Choose a folder that you may write with --data DIR, or correct the rights of this one.'
  })
}

/** In the place of the file that is there: after a crash it is the old one or the new one, whole. */
export const replaceDurably = async (path: string, content: string, mode: number): Promise<void> => {
  const beside = `${path}.new`
  await rm(beside, { force: true })
  await writeDurably(beside, content, mode)
  await rename(beside, path)
  await syncFolderOf(path)
}

/** Makes durable that a file was renamed or removed. */
export const syncFolderOf = async (path: string): Promise<void> => {
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
