/** An error as the person in front of the terminal needs it: what, why, what to do. */
import { MeshError } from '@gradmesh/core'
import { type Io, red } from './io.ts'

/** Anything that is not a `MeshError` is a defect; it is told like one, and without its stack. */
export const asMeshError = (error: unknown): MeshError =>
  error instanceof MeshError
    ? error
    : new MeshError('INTERNAL', error instanceof Error ? error.message : String(error), {
        cause: error,
        remedy:
          'this is a defect in gradmesh: report it, with the end of peer.log (`gradmesh support-bundle`) or with what GRADMESH_DEBUG=1 prints'
      })

export const tellFailure = (thrown: unknown, io: Io, debug: boolean): MeshError => {
  const error = asMeshError(thrown)
  const { code, message, remedy } = error
  io.note(`${red('error', io)} ${code}: ${message}`)
  if (remedy !== undefined) io.note(`  what to do: ${remedy}`)
  if (debug) io.note(stacks(error))
  if (io.json) io.print(JSON.stringify({ ok: false, error: { code, message, remedy: remedy ?? null } }))
  return error
}

const stacks = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const below = error.cause === undefined ? '' : `\ncaused by ${stacks(error.cause)}`
  return `${error.stack ?? error.message}${below}`
}
