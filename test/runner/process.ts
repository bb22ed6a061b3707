import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Totals } from './tap.ts'

/** A tool of the repository that passes or fails as a whole; it is shown only when it fails. */
export const runTool = async (
  root: string,
  name: string,
  [tool, ...words]: readonly [string, ...string[]]
): Promise<Totals> => {
  const started = performance.now()
  let said = ''
  const code = await runLines(join(root, 'node_modules', '.bin', tool), words, root, line => {
    said += `${line}\n`
  })
  const ok = code === 0
  console.log(`${ok ? 'ok    ' : 'not ok'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  if (!ok) console.log(said)
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** Runs a command, hands over what it says line by line, and answers its exit code (1 when a signal ended it). */
export const runLines = (
  command: string,
  words: readonly string[],
  cwd: string,
  onLine: (line: string) => void
): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' }
    })
    const stop = (signal: NodeJS.Signals): void => void child.kill(signal)
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) onLine(line)
      })
      stream.on('end', () => {
        if (rest !== '') onLine(rest)
      })
    }
    child.once('error', reject)
    child.once('close', code => {
      process.removeListener('SIGINT', stop)
      process.removeListener('SIGTERM', stop)
      resolve(code ?? 1)
    })
  })
