import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { steadied, steadyMemory } from '../src/steady-memory.ts'

const fixture = fileURLToPath(new URL('fixtures/steady.ts', import.meta.url))
const asked = {
  argv: ['node', 'main', 'up', '--data', 'x'],
  execArgv: ['--a'],
  env: { HOME: '/h' }
}

t.test('who starts again', async t => {
  t.strictSame(steadied({ ...asked, platform: 'linux' }), {
    words: [...steadyMemory.execArgv, '--a', 'main', 'up', '--data', 'x'],
    env: { HOME: '/h', ...steadyMemory.env }
  })
  t.equal(steadied({ ...asked, platform: 'darwin' }), null, 'another allocator')
  t.equal(
    steadied({ ...asked, argv: ['node', 'main', 'status'], platform: 'linux' }),
    null,
    'a short command'
  )
  t.equal(steadied({ ...asked, argv: ['node', 'main'], platform: 'linux' }), null, 'no command')
  t.equal(
    steadied({ ...asked, env: { MALLOC_ARENA_MAX: '1' }, platform: 'linux' }),
    null,
    'the operator has chosen, or it has happened'
  )
  t.equal(steadied({ ...asked, send: () => true, platform: 'linux' }), null, 'a channel would be lost')
})

t.test('in its place', { skip: process.platform !== 'linux' && 'only where glibc may be' }, async t => {
  const { NODE_OPTIONS: _, ...env } = process.env
  for (const name of Object.keys(env)) if (name.startsWith('MALLOC_')) delete env[name]
  const child = spawn(process.execPath, [fixture, 'up', 'two words'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    said += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    complained += text
  })
  t.strictSame(await once(child, 'close'), [3, null], 'its exit code is the exit code')
  t.strictSame(JSON.parse(said), {
    pid: child.pid,
    words: ['up', 'two words'],
    execArgv: steadyMemory.execArgv,
    malloc: steadyMemory.env
  })
  t.equal(complained, '', 'without a word')
})
