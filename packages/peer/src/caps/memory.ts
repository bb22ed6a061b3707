/**
 * The cap on memory. Near it the peer sheds what it can fetch again; above it training stops and the
 * adapter is given back, since buffers and kernels are most of what can be freed; well below it, and not
 * at once, training goes on. Following, voting and serving never stop for it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MeshError } from '@gradmesh/core'

const SHED_ABOVE = 0.9
const RESUME_BELOW = 0.85
const SHED_EVERY_MS = 10_000
const STOPPED_MS_MIN = 60_000

/** A process with its runtime, network, databases and the adapter's driver, measured with the digits. */
const BASE_BYTES = 384 * 1024 ** 2
/** Weights, their copies between the threads, error buffer, moments, and the buffers of the adapter. */
const BYTES_PER_PARAMETER = 64
/** Payloads that a sync fetches ahead, of a cap. */
const AHEAD_SHARE = 1 / 16

export const memoryNeeded = (parameters: number): number => BASE_BYTES + BYTES_PER_PARAMETER * parameters

export const aheadBytesMax = (capBytes: number | null, most: number): number =>
  capBytes === null ? most : Math.min(most, Math.floor(capBytes * AHEAD_SHARE))

/** @throws MeshError `CAP_MEMORY` when a peer of this model can't live under the cap. */
export const checkMemoryCap = (capBytes: number | null, parameters: number): void => {
  const needed = memoryNeeded(parameters)
  if (capBytes === null || capBytes >= needed) return
  const mib = (bytes: number): string =>
    bytes < 1024 ** 2 ? `${bytes} B` : `${Math.ceil(bytes / 1024 ** 2)} MiB`
  throw new MeshError(
    'CAP_MEMORY',
    `a cap of ${mib(capBytes)} on memory is too low: this model of ${parameters} parameters takes about ${mib(needed)}`,
    {
      remedy: `give --max-memory ${mib(needed).replace(' ', '')} or more, or leave it out`,
      data: { capBytes, needed, parameters }
    }
  )
}

export class MemoryJudge {
  readonly #capBytes: number
  #shedAtMs = Number.NEGATIVE_INFINITY
  #stoppedAtMs: number | null = null

  constructor(capBytes: number) {
    this.#capBytes = capBytes
  }

  look(residentBytes: number, nowMs: number): { readonly shed: boolean; readonly stopped: boolean } {
    const share = residentBytes / this.#capBytes
    if (share > 1) this.#stoppedAtMs ??= nowMs
    else if (
      this.#stoppedAtMs !== null &&
      share < RESUME_BELOW &&
      nowMs - this.#stoppedAtMs >= STOPPED_MS_MIN
    )
      this.#stoppedAtMs = null
    const shed = share > SHED_ABOVE && nowMs - this.#shedAtMs >= SHED_EVERY_MS
    if (shed) this.#shedAtMs = nowMs
    return { shed, stopped: this.#stoppedAtMs !== null }
  }
}

/** Of this thread. V8 gives pages back when it is asked, and otherwise when it likes. */
export const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
}
