import { chmod, stat } from 'node:fs/promises'
import { MeshError } from '@gradmesh/core'

/** Anybody but the owner: read, write or execute. */
const OTHERS = 0o077

/**
 * A secret's file is its owner's alone. One that others could read is closed, and `tell` hears of it: what it
 * holds may be known to them already.
 * @throws MeshError `FILE_EXPOSED` when it can't be closed
 */
export const makeOwnersAlone = async (path: string, tell: (message: string) => void): Promise<void> => {
  // Windows keeps rights in lists that a mode does not show.
  if (process.platform === 'win32') return
  const { mode } = await stat(path)
  if ((mode & OTHERS) === 0) return
  const cause = await chmod(path, 0o600).catch((error: unknown) => error)
  if (((await stat(path)).mode & OTHERS) === 0) {
    tell(`${path} could be read by other users of this machine (mode ${octal(mode)}); it is 0600 now`)
    return
  }
  throw new MeshError('FILE_EXPOSED', `${path} can be read by other users (mode ${octal(mode)})`, {
    remedy: `Make it yours alone: chmod 600 ${path}. Where the file system has no such modes, keep it on another.`,
    cause
  })
}

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')
