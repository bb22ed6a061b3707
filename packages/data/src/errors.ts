/** What is wrong with a file, so that its owner finds the place. */
import { MeshError } from '@gradmesh/core'

/** `line` counts from 1; null where the file has none. */
export const badFormat = (path: string, line: number | null, what: string, cause?: unknown): MeshError =>
  new MeshError('DATA_FORMAT', `${path}${line === null ? '' : `, line ${line}`}: ${what}`, {
    remedy: 'correct the file, or choose the reader that its format needs',
    cause,
    data: { path, line }
  })

export const unreadable = (path: string, cause: unknown): MeshError =>
  new MeshError('DATA_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}`, {
    remedy: 'check the path and who may read it',
    cause,
    data: { path }
  })

const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause)
