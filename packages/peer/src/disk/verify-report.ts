/** What `gradmesh verify` finds. */
import type { MeshError } from '@gradmesh/core'

export interface Finding {
  /** What it is about: a file such as `chain/CURRENT`, `chain`, `safety`, `key`, `error buffer`, or `height N`. */
  readonly where: string
  readonly what: string
}

export interface VerifyReport {
  readonly ok: boolean
  /** The lowest block that is held; 0: the genesis and all that follows. */
  readonly base: number
  /** From the state at this height on every root was recomputed; blocks below are shown by certificates and hashes. */
  readonly replayedFrom: number
  readonly height: number
  readonly round: number
  /** The state root after the newest block that could be replayed. */
  readonly root: string | null
  readonly files: number
  readonly findings: readonly Finding[]
}

/** While it is being found. */
export interface Report {
  base: number
  replayedFrom: number
  height: number
  round: number
  root: string | null
  files: number
  readonly findings: Finding[]
}

/** The place that an error of the chain, at this height if it names none, is about. */
export const whereOf = (error: MeshError, height: number): string => {
  const { file, what } = error.data
  if (error.code.startsWith('STORE_SAFETY')) return 'safety'
  if (typeof file === 'string') return file
  return typeof what === 'string' && error.data.height === undefined
    ? what
    : `height ${error.data.height ?? height}`
}
