/** Looks for WebGPU adapters in a process of its own, which a broken driver may take down. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { ROOT, Stop } from './process.mjs'

const PROBE = join(ROOT, 'packages', 'cli', 'src', 'probe.ts')
const PROBE_MS_MAX = 60_000

/** Names, hardware before software; empty when there is none, or when a driver takes the process down. */
export const adapterNames = runtime =>
  new Promise((resolve, reject) => {
    execFile(runtime, [PROBE], { timeout: PROBE_MS_MAX }, (failure, stdout, stderr) => {
      const told = answerOf(stdout)
      const isCrash = failure !== null && typeof failure.code !== 'number'
      if (told?.names !== undefined) return resolve(told.names)
      if (told === undefined && isCrash) return resolve([])
      reject(new Stop(`the look for WebGPU adapters failed: ${told?.error ?? stderr.trim()}`))
    })
  })

const answerOf = stdout => {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  } catch {
    return undefined
  }
}
