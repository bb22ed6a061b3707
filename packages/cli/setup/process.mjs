/** Child processes of the setup: quiet ones whose output goes to a log, and the one it hands over to. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Ends the setup with a message for the user and an exit code; never shown with a stack. */
export class Stop extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** To standard error: standard output belongs to the command that follows. */
export const say = text => process.stderr.write(`gradmesh: ${text}\n`)

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Passes signals on to the child, waits for its end, and answers its exit code as a shell would. */
const lifeOf = child =>
  new Promise((resolve, reject) => {
    const forward = signal => child.kill(signal)
    for (const signal of SIGNALS) process.on(signal, forward)
    const release = () => {
      for (const signal of SIGNALS) process.removeListener(signal, forward)
    }
    child.once('error', error => {
      release()
      reject(error)
    })
    child.once('close', (code, signal) => {
      release()
      resolve({ signal, code: signal === null ? code : 128 + constants.signals[signal] })
    })
  })

/** Runs a command with its output in `log`; a signal to us ends both. */
export const runQuietly = async (command, words, { log, env = process.env, cwd = ROOT }) => {
  const out = openSync(log, 'a')
  try {
    const { code, signal } = await lifeOf(spawn(command, words, { cwd, env, stdio: ['ignore', out, out] }))
    if (SIGNALS.includes(signal) || code === 130) throw new Stop('', 130)
    return code
  } catch (error) {
    if (error instanceof Stop) throw error
    throw new Stop(`can't run ${command}: ${error.message}`)
  } finally {
    closeSync(out)
  }
}

export const tailOf = (log, lines = 20) =>
  readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')

/** The command itself, on the runtime, with our terminal. The search path is fixed when a shell starts, so `node` is named in full. */
export const handOver = async (runtime, words) => {
  const path = [join(ROOT, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter)
  const child = spawn(runtime, words, {
    cwd: process.cwd(),
    stdio: 'inherit',
    env: { ...process.env, PATH: path }
  })
  return (await lifeOf(child)).code
}
