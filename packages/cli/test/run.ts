import { MeshError } from '@gradmesh/core'
import t from 'tap'
import type { Command, CommandEntry } from '../src/command.ts'
import { commands } from '../src/commands/index.ts'
import { EXIT, exitCodeOf } from '../src/exit-codes.ts'
import { commandHelp, overview } from '../src/help.ts'
import { runCli } from '../src/run.ts'
import { FakeIo } from './fixtures/io.ts'

const entryOf = (run: Command['run']): CommandEntry => ({
  name: 'work',
  summary: 'does work',
  load: async () => ({ name: 'work', options: {}, examples: ['gradmesh work'], run })
})

const cli = async (run: Command['run'], words: readonly string[], { json = false, env = {} } = {}) => {
  const io = new FakeIo({ json })
  return { code: await runCli(words, { commands: [entryOf(run)], env, io }), io }
}

t.test('an exit code for every end', async t => {
  t.equal((await cli(async () => EXIT.ok, ['work'])).code, 0)
  t.equal((await cli(async () => EXIT.failed, ['work'])).code, 1)
  t.equal((await cli(async () => EXIT.ok, ['work', '--wrong'])).code, 2)
  t.equal((await cli(async () => EXIT.ok, ['nothing'])).code, 2)
  t.equal((await cli(async () => EXIT.ok, [])).code, 2)
  t.equal((await cli(async () => EXIT.ok, ['--help'])).code, 0)
  t.equal((await cli(async () => EXIT.ok, ['--version'])).code, 0)
  t.equal(exitCodeOf('API_UNREACHABLE'), EXIT.unreachable)
  t.equal(exitCodeOf('STORE_LOCKED'), EXIT.failed)
})

t.test('an error says what, and what to do; its stack only when asked for', async t => {
  const fail = async (): Promise<number> => {
    throw new MeshError('TRY_CODE', 'it broke', { remedy: 'mend it', cause: new Error('below') })
  }
  const plain = await cli(fail, ['work'])
  t.equal(plain.code, 1)
  t.strictSame(plain.io.noted, ['error TRY_CODE: it broke', '  what to do: mend it'])
  t.strictSame(plain.io.printed, [])
  const json = await cli(fail, ['work'], { json: true })
  t.strictSame(JSON.parse(json.io.printed[0] ?? ''), {
    ok: false,
    error: { code: 'TRY_CODE', message: 'it broke', remedy: 'mend it' }
  })
  const debug = await cli(fail, ['work'], { env: { GRADMESH_DEBUG: '1' } })
  t.match(debug.io.noted.join('\n'), /\n\s+at [\s\S]*caused by Error: below/)
})

t.test('a defect is told like an error, without its stack', async t => {
  const { code, io } = await cli(async () => {
    throw new TypeError('undefined is not a function')
  }, ['work'])
  t.equal(code, 1)
  t.match(io.noted.join('\n'), /INTERNAL: undefined is not a function/)
  t.notMatch(io.noted.join('\n'), /\n\s+at /)
})

t.test('a mistyped command gets a hint', async t => {
  const { io } = await cli(async () => EXIT.ok, ['wor'])
  t.match(io.noted.join('\n'), /gradmesh work/)
})

t.test('the overview fits one screen, and every command has a page with examples', async t => {
  const page = overview(commands)
  // The prompt that follows needs a line too.
  t.ok(page.split('\n').length < 24, `${page.split('\n').length} lines`)
  for (const line of page.split('\n')) t.ok(line.length <= 80, line)
  for (const entry of commands) {
    const command = await entry.load()
    t.equal(command.name, entry.name)
    t.match(page, new RegExp(`(^  |, )${entry.name}[ ,]`, 'm'))
    const own = commandHelp(entry.summary, command)
    t.ok(command.examples.length > 0, `${entry.name} has an example`)
    for (const option of Object.keys(command.options)) t.match(own, `--${option}`)
    for (const line of own.split('\n')) t.ok(line.length <= 400, line)
  }
})
