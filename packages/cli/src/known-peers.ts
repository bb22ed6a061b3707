/** Addresses that a ticket gave, kept in the folder so that `up` finds the mesh again. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cannotWrite } from '@gradmesh/peer'

const fileIn = (folder: string): string => join(folder, 'bootstrap')

export const knownPeers = async (folder: string): Promise<readonly string[]> => {
  const text = await readFile(fileIn(folder), 'utf8').catch(() => '')
  return text.split('\n').filter(line => line.startsWith('/'))
}

/** @throws MeshError `FOLDER_WRITE` */
export const rememberPeers = async (folder: string, addresses: readonly string[]): Promise<void> => {
  await writeFile(fileIn(folder), addresses.map(address => `${address}\n`).join('')).catch(cause => {
    throw cannotWrite('FOLDER_WRITE', fileIn(folder), cause)
  })
}
