import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '@gradmesh/core'
import { readGenesis, readPublicKey } from '@gradmesh/peer'
import { bytes } from '../format.ts'
import { attention, bad, type Check, good } from './checks.ts'

const FREE_WANTED = 2 * 2 ** 30
const FREE_NEEDED = 256 * 2 ** 20

const nearestExisting = async (folder: string): Promise<string> =>
  (await stat(folder).catch(() => undefined)) !== undefined || dirname(folder) === folder
    ? folder
    : nearestExisting(dirname(folder))

export const checkDisk = async (folder: string): Promise<Check> => {
  const place = await nearestExisting(folder)
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const found = `${bytes(free)} free at ${place}`
  const remedy =
    'make room, or choose another folder with --data DIR: a full disk stops the peer (its ledger stays intact)'
  if (free < FREE_NEEDED) return bad('disk', found, remedy)
  return free < FREE_WANTED ? attention('disk', found, remedy) : good('disk', found)
}

export const checkFolder = async (folder: string): Promise<Check> => {
  const place = await nearestExisting(folder)
  const writable = await access(place, constants.W_OK).then(
    () => true,
    () => false
  )
  if (!writable)
    return bad('folder', `${place} may not be written by this user`, 'choose another folder with --data DIR')
  if (place !== folder)
    return good('folder', `${folder} does not exist yet: \`gradmesh init\` or \`gradmesh join\` makes it`)
  try {
    await readPublicKey(folder)
    const { genesis } = await readGenesis(folder)
    return good('folder', `${folder} belongs to the mesh ${genesis.name}`)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    const { code, message, remedy } = error
    const isNew = code === 'KEY_MISSING' || code === 'GENESIS_MISSING'
    return (isNew ? attention : bad)('folder', message, remedy ?? 'see the message')
  }
}
