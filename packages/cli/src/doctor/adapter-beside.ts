/**
 * A driver may crash the process that asks it, or never answer, and the GPU runtime writes to standard error what it
 * stumbles over. So a process of its own looks, and what was said there is shown where something is wrong.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { bad, type Check } from './checks.ts'

/** Opening an adapter for the first time takes seconds. */
const ANSWER_MS_MAX = 60_000
const LINES_SHOWN = 6

// Sources run as .ts in the repository and as .js from a published package.
const PROCESS = new URL(
  `./adapter-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url
)

export const checkAdapterBeside = (wanted: string | null): Promise<readonly Check[]> =>
  checksFrom(
    fork(PROCESS, wanted === null ? [] : [wanted], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: []
    }),
    ANSWER_MS_MAX
  )

/** The checks that the process sends, or a finding about how it ended. */
export const checksFrom = async (child: ChildProcess, timeMs: number): Promise<readonly Check[]> => {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    said += text
  })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeMs)
  let checks: readonly Check[] | undefined
  child.once('message', message => {
    checks = message as readonly Check[]
    // A driver can hold up the end of its process too.
    child.kill('SIGKILL')
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject).once('close', (...end) => resolve(end))
  }).finally(() => clearTimeout(timer))
  const lines = [...new Set(said.split('\n').map(line => line.trim()))].filter(line => line !== '')
  const details = lines.slice(-LINES_SHOWN).map(line => `the GPU runtime says: ${line}`)
  if (checks !== undefined)
    return checks.map(one => (one.state === 'bad' ? { ...one, details: [...one.details, ...details] } : one))
  const end = late
    ? `does not answer within ${timeMs / 1000} s`
    : `ends the process that asks it (${signal ?? code})`
  const remedy = 'update the driver of your GPU; `gradmesh up --adapter NAME` chooses another adapter'
  return [bad('adapter', `the GPU's driver ${end}`, remedy, details)]
}
