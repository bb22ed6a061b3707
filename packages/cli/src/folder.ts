import { readGenesis, readPublicKey } from '@gradmesh/peer'

/** Checked before anything is written or opened, so that a wrong --data is the first thing said. */
export const requireFolder = async (folder: string): Promise<void> => {
  await readPublicKey(folder)
  await readGenesis(folder)
}
