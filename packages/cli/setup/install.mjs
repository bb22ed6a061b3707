/** The locked dependencies, and tap without its TypeScript plugin. Each is done once for each lock file. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT, runQuietly, Stop, say, tailOf } from './process.mjs'

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')

/** A stamp says for which lock file a step was done; `npm ci` wipes it together with what it stands for. */
const stampFile = name => join(ROOT, 'node_modules', `.gradmesh-${name}`)

const isStamped = name => {
  try {
    return readFileSync(stampFile(name), 'utf8').trim() === lockHash()
  } catch {
    return false
  }
}

const once = async (name, message, work) => {
  if (isStamped(name)) return
  const started = Date.now()
  const log = join(mkdtempSync(join(tmpdir(), 'gradmesh-setup-')), `${name}.log`)
  say(message)
  const code = await work(log)
  if (code !== 0) {
    throw new Stop(`that failed with exit code ${code}; the end of ${log}:\n${tailOf(log)}`)
  }
  writeFileSync(stampFile(name), `${lockHash()}\n`)
  rmSync(dirname(log), { recursive: true, force: true })
  say(`done in ${Math.round((Date.now() - started) / 1000)} s`)
}

export const ensureInstalled = () =>
  once('lock', 'installing the locked dependencies with npm ci, once …', log => {
    // The npm that runs this script, else the one on the search path.
    const npm = process.env.npm_execpath
    const words = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
    if (npm !== undefined && /npm-cli\.c?js$/.test(npm))
      return runQuietly(process.execPath, [npm, ...words], { log })
    return runQuietly(process.platform === 'win32' ? 'npm.cmd' : 'npm', words, { log })
  })

export const ensureTapBuilt = runtime =>
  once('tap', 'preparing the test runner, once …', log =>
    runQuietly(runtime, [join(ROOT, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build'], { log })
  )
