import { open } from 'node:fs/promises'

/** Windows has no such call: NTFS keeps names in a journal of its own. */
const refusals: ReadonlySet<unknown> = new Set(['EPERM', 'EACCES', 'EISDIR'])

/** Makes the names in a folder durable: without it a crash can undo a creation, a rename or a removal. */
export const syncFolder = async (
  folder: string,
  platform: NodeJS.Platform = process.platform,
  openFolder: typeof open = open
): Promise<void> => {
  try {
    const handle = await openFolder(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch (error) {
    if (platform !== 'win32' || !refusals.has((error as NodeJS.ErrnoException).code)) throw error
  }
}
