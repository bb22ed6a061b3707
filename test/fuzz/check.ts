/** What every answer of a decoder must be, and what it may cost. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { equalBytes } from '@gradmesh/core'
import type { Target } from './targets.ts'

/** Longer than any input of the fuzzer's sizes needs by far. Repeats count processor time: a busy machine makes waits. */
const MS_MAX = 100
const TRIES = 3
/** What a decoded value may keep alive: so many times its bytes, and a fixed part, another where a target says so. */
const MEMORY_TIMES_MAX = 4
const MEMORY_FIXED_BYTES = 4_096
const HELD = 64

export interface Verdict {
  /** Null for an answer that keeps every promise. */
  readonly flaw: string | null
  readonly isTaken: boolean
}

const flawed = (flaw: string): Verdict => ({ flaw, isTaken: false })

export const flawOf = (target: Target, input: Uint8Array): string | null => judge(target, input).flaw

export const judge = (target: Target, input: Uint8Array): Verdict => {
  const before = input.slice()
  const startMs = performance.now()
  let isTaken: boolean
  try {
    const answer = target.decode(input)
    isTaken = !target.isRefusal(answer)
    if (isTaken && target.encode !== null) {
      const again = target.encode(answer as never)
      if (!equalBytes(again, input)) return flawed('not canonical: it decodes, but re-encodes to other bytes')
    }
  } catch (error) {
    return flawed(`threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`)
  }
  if (!equalBytes(before, input)) return flawed('changed its input')
  return performance.now() - startMs > MS_MAX && isSlow(target, input)
    ? flawed(`took more than ${MS_MAX} ms`)
    : { flaw: null, isTaken }
}

const isSlow = (target: Target, input: Uint8Array): boolean => {
  for (let i = 0; i < TRIES; i++) {
    const before = process.cpuUsage()
    target.decode(input)
    const { user, system } = process.cpuUsage(before)
    if (user + system <= 1_000 * MS_MAX) return false
  }
  return true
}

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
/** Twice: buffers are swept beside the program, and only the next collection waits for that to end. */
const collect = (): void => {
  gc()
  gc()
}

const memory = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What one answer keeps alive, in bytes: the mean of many, between two full collections. */
export const heldBytes = (target: Target, input: Uint8Array): number => {
  const held: unknown[] = new Array(HELD)
  collect()
  const before = memory()
  for (let i = 0; i < HELD; i++) held[i] = target.decode(input)
  collect()
  const bytes = (memory() - before) / HELD
  held.length = 0
  return Math.max(0, Math.round(bytes))
}

export const memoryFlawOf = (target: Target, input: Uint8Array): string | null => {
  const { memoryFixedBytes = MEMORY_FIXED_BYTES } = target
  const max = MEMORY_TIMES_MAX * input.length + memoryFixedBytes
  // What compilers and collectors do beside a measurement is not there in each of them; what an answer holds is.
  let bytes = heldBytes(target, input)
  for (let again = 1; bytes > max && again < TRIES; again++) bytes = Math.min(bytes, heldBytes(target, input))
  return bytes > max ? `holds ${bytes} bytes for an input of ${input.length}, ${max} are allowed` : null
}
