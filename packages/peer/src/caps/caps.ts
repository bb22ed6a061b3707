/** How much of this machine the peer may take. Every cap is the operator's own; null is "no cap". */
import type { HourRange } from './hours.ts'

export interface Caps {
  /** Share of wall time in which the compute thread may keep the adapter busy, above 0 to 1. */
  readonly gpuShare: number | null
  /** Resident memory of the process. */
  readonly memoryBytes: number | null
  /** Over all connections together, as their sockets count. */
  readonly uploadBytesPerSecond: number | null
  readonly downloadBytesPerSecond: number | null
  /** Local time in which the peer trains; empty: always. */
  readonly hours: readonly HourRange[]
}

export const noCaps: Caps = {
  gpuShare: null,
  memoryBytes: null,
  uploadBytesPerSecond: null,
  downloadBytesPerSecond: null,
  hours: []
}
