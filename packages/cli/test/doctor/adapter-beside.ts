import { fork } from 'node:child_process'
import t from 'tap'
import { checksFrom } from '../../src/doctor/adapter-beside.ts'

const FIXTURE = new URL('../fixtures/adapter-process.ts', import.meta.url)

/** Whatever comes of it, the process does not outlive its answer. */
const lookedAt = async (what: string, timeMs = 20_000) => {
  const child = fork(FIXTURE, [what], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
  const [check, ...more] = await checksFrom(child, timeMs)
  return { ...check, more, isGone: child.exitCode !== null || child.signalCode !== null }
}

const SAID = ['the GPU runtime says: Warning: two', 'the GPU runtime says: at somewhere']

t.test('what it finds, and what the runtime said where something is wrong', async t => {
  t.match(await lookedAt('good'), { state: 'good', details: ['a'], more: [], isGone: true })
  t.strictSame((await lookedAt('good')).details, ['a'])
  t.strictSame((await lookedAt('bad')).details, ['a', ...SAID])
})

t.test('a driver that crashes, or ends the process', async t => {
  const crash = { state: 'bad', found: /ends the process that asks it \(SIGSEGV\)/, remedy: /--adapter/ }
  t.match(await lookedAt('crash'), crash)
  t.match(await lookedAt('leave'), { state: 'bad', found: /\(7\)/, details: SAID })
})

t.test('a driver that does not answer', async t => {
  const hung = await lookedAt('hang', 1500)
  t.match(hung, { state: 'bad', found: /does not answer within 1.5 s/, isGone: true })
})
