/** A file or folder that can't be written: why, and what helps, by the system's own code for it. */
import { MeshError } from '@gradmesh/core'

interface Failure {
  readonly why: string
  readonly remedy: string
}

const FULL: Failure = { why: 'the disk is full', remedy: 'Free space on that disk and try again.' }
const FORBIDDEN: Failure = {
  why: 'it may not be written by this user',
  remedy: 'Name a place that you may write, or correct the rights of this one.'
}

const FAILURES: Readonly<Record<string, Failure>> = {
  EEXIST: {
    why: 'it exists already, and is never overwritten',
    remedy: 'Name another, or move this one away.'
  },
  ENOENT: {
    why: 'the folder that it would lie in does not exist',
    remedy: 'Make that folder, or name another place.'
  },
  ENOTDIR: { why: 'a file stands in the place of a folder', remedy: 'Name another place.' },
  EISDIR: { why: 'it is a folder', remedy: 'Name a file in it.' },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: {
    why: 'its file system is read-only',
    remedy: 'Name another place, or mount this one to be written.'
  },
  ENOSPC: FULL,
  EDQUOT: FULL
}

/** `code` says whose file it is: `FOLDER_WRITE` the peer's own, `EXPORT_WRITE` an export, and so on. */
export const cannotWrite = (code: string, path: string, cause: unknown): MeshError => {
  const said = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const { why, remedy } = FAILURES[said] ?? {
    why: cause instanceof Error ? cause.message : String(cause),
    remedy: 'Name another place, or look at the disk.'
  }
  return new MeshError(code, `can't write ${path}: ${why}`, { cause, remedy, data: { path } })
}
