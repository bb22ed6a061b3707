/** What the first state of a chain is made of beside its genesis. */
import type { Bases } from '../training/task.ts'

/** The first state of a mesh that goes on from another. */
export interface Start {
  readonly accounts: Uint8Array
  readonly weights: Int32Array
}

export interface Origin {
  readonly bases: Bases
  /** Null where it follows from the genesis, and where it is not held here. */
  readonly start: Start | null
}

export const noOrigin: Origin = { bases: new Map(), start: null }
