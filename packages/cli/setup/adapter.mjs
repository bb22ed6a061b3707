/** Looks for WebGPU adapters in a process of its own, which a broken driver may take down. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { ROOT, Stop } from './process.mjs'

const PROBE = join(ROOT, 'packages', 'cli', 'src', 'probe.ts')
const PROBE_MS_MAX = 60_000

/** Names, hardware before software; empty when there is none or the driver crashes. */
export const adapterNames = runtime =>
  new Promise((resolve, reject) => {
    execFile(runtime, [PROBE], { timeout: PROBE_MS_MAX }, (_error, stdout, stderr) => {
      const told = answerOf(stdout)
      if (told === undefined) return resolve([])
      if (told.error !== undefined)
        return reject(new Stop(`${told.error}${stderr === '' ? '' : `\n${stderr.trim()}`}`))
      resolve(told.names)
    })
  })

const answerOf = stdout => {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  } catch {
    return undefined
  }
}
