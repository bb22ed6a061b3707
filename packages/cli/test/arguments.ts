import t from 'tap'
import { parseCommandLine } from '../src/arguments.ts'
import type { Command } from '../src/command.ts'
import { commandHelp } from '../src/help.ts'

const command: Command = {
  name: 'try',
  args: [
    { name: 'FIRST', required: true },
    { name: 'SECOND', required: false }
  ],
  options: {
    port: { type: 'string', help: '', env: 'TRY_PORT', default: '4180' },
    name: { type: 'string', help: '' },
    quiet: { type: 'boolean', help: '', env: 'TRY_QUIET' },
    label: { type: 'string', help: '', mayBeEmpty: true },
    peer: { type: 'string', multiple: true, help: '', env: 'TRY_PEER' }
  },
  examples: [],
  run: async () => 0
}

const parse = (words: readonly string[], env: Record<string, string> = {}) =>
  parseCommandLine(command, ['a', ...words], env)

t.test('a flag goes before its variable, and that before the default', async t => {
  const port = (words: readonly string[], env = {}): number | undefined =>
    parse(words, env).values.integer('port', { min: 0, max: 65_535 })
  t.equal(port([]), 4180)
  t.equal(port([], { TRY_PORT: '1' }), 1)
  t.equal(port(['--port', '2'], { TRY_PORT: '1' }), 2)
  t.equal(port([], { TRY_PORT: '' }), 4180, 'an empty variable is none')
  t.equal(parse([]).values.text('name'), undefined)
  t.equal(parse([]).values.is('quiet'), false)
  t.equal(parse(['--quiet']).values.is('quiet'), true)
  t.equal(parse([], { TRY_QUIET: '1' }).values.is('quiet'), true)
  t.equal(parse([], { TRY_QUIET: '0' }).values.is('quiet'), false)
})

t.test('a repeated option, and the same in one variable', async t => {
  t.strictSame(parse(['--peer', 'x', '--peer', 'y,z']).values.texts('peer'), ['x', 'y', 'z'])
  t.strictSame(parse([], { TRY_PEER: 'x,y' }).values.texts('peer'), ['x', 'y'])
  t.strictSame(parse([]).values.texts('peer'), [])
  const many = Array.from({ length: 65 }, (_, i) => String(i)).join(',')
  t.equal(parse(['--peer', many.slice(2)]).values.texts('peer').length, 64)
  t.throws(() => parse(['--peer', many]).values.texts('peer'), { code: 'USAGE_VALUE' }, 'and not without end')
})

t.test('what is wrong is named, with a remedy', async t => {
  t.throws(() => parse(['--nonsense']), { code: 'USAGE_OPTION', message: /--nonsense/, remedy: /try --help/ })
  t.throws(() => parse(['--name']), { code: 'USAGE_OPTION' })
  t.throws(() => parse(['b', 'c']), { code: 'USAGE_ARGUMENT', message: /"c"/ })
  t.throws(() => parseCommandLine(command, [], {}), { code: 'USAGE_ARGUMENT', message: /FIRST/ })
  t.throws(() => parse(['--port', '-1']), { code: 'USAGE_OPTION', message: /dash/, remedy: '--port=VALUE' })
  for (const [words, name] of [
    [['--name', ''], '--name'],
    [['--name='], '--name'],
    [['--peer', 'x', '--peer', ''], '--peer']
  ] as const)
    t.throws(() => parse(words), { code: 'USAGE_VALUE', message: `${name} is given, but empty` })
  t.equal(parse(['--label', '']).values.text('label'), '')
  for (const bad of ['x', '-1', '1.5', '70000', '1e3', ' 1']) {
    t.throws(
      () => parse([`--port=${bad}`]).values.integer('port', { min: 0, max: 65_535 }),
      { code: 'USAGE_VALUE' },
      bad
    )
  }
})

t.test('a variable that is wrong is called by its own name', async t => {
  const port = (words: readonly string[]) =>
    parse(words, { TRY_PORT: 'y' }).values.integer('port', { min: 0, max: 9 })
  t.throws(() => port([]), { code: 'USAGE_VALUE', message: /^TRY_PORT y: / })
  t.throws(() => port(['--port', 'x']), { code: 'USAGE_VALUE', message: /^--port x: / })
})

t.test('decimal numbers, and an argument that comes again', async t => {
  const decimal = (text: string) => parse([`--port=${text}`]).values.decimal('port', { min: 0, max: 2 })
  t.strictSame([decimal('0.5'), decimal('2')], [0.5, 2])
  for (const bad of ['x', '2.5', '-1', '1e0', '.5', ''])
    t.throws(() => decimal(bad), { code: 'USAGE_VALUE' }, bad)
  const many = { ...command, args: [{ name: 'TEXT', required: false, many: true }] }
  t.strictSame(parseCommandLine(many, ['a', 'b', 'c'], {}).args, ['a', 'b', 'c'])
  t.match(commandHelp('tries', many), 'gradmesh try [TEXT...] [OPTIONS]')
})
