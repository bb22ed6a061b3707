import { open } from 'node:fs/promises'

/** Makes the names in a folder durable: without it a crash can undo a creation or a rename. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
