import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { openTokenizer } from '@gradmesh/data'
import fc from 'fast-check'
import t from 'tap'
import { commands } from '../../src/commands/index.ts'
import { runCli } from '../../src/run.ts'
import { FakeIo } from '../fixtures/io.ts'

const TEXT =
  'She said: "It\'s 3.14 €, isn\'t it?"\n\tdef f(x):\r\n\t\treturn x  # naïve 🦀🦀\n你好，世界\n'.repeat(20)

const train = async (...words: readonly string[]): Promise<{ code: number; io: FakeIo }> => {
  const io = new FakeIo({ json: true })
  return { code: await runCli(['tokenizer', 'train', ...words], { commands, env: {}, io }), io }
}

t.test('it learns, says how fast, and the same again gives the same file', async t => {
  const dir = t.testdir({ 'a.txt': TEXT, 'b.txt': TEXT.toUpperCase() })
  await writeFile(join(dir, 'b.txt.gz'), gzipSync(TEXT.toUpperCase()))
  const out = join(dir, 'tokenizer.json')
  const [a, b] = [join(dir, 'a.txt'), join(dir, 'b.txt')]
  const { code, io } = await train('--files', a, '--files', b, '--vocab', '400', '--out', out)
  t.equal(code, 0)
  const told = JSON.parse(io.printed.at(-1)!)
  t.match(told, { ok: true, out, files: 2, bytes: Buffer.byteLength(TEXT + TEXT.toUpperCase()) })
  t.ok(told.vocabulary > 300 && told.vocabulary <= 400 && told.bytesPerSecond > 0)
  const first = await readFile(out, 'utf8')
  t.equal((await train('--files', `${b}.gz,${a}`, '--vocab', '400', '--out', out)).code, 0)
  t.equal(await readFile(out, 'utf8'), first, 'in any order, packed or not')
})

t.test('text, bytes and emoji come back', async t => {
  const dir = t.testdir({ 'a.txt': TEXT })
  const out = join(dir, 'tokenizer.json')
  await train('--files', join(dir, 'a.txt'), '--vocab', '500', '--out', out)
  const tokenizer = openTokenizer(JSON.parse(await readFile(out, 'utf8')))
  t.equal(tokenizer.special('<|endoftext|>'), 0)
  const comesBack = (text: string): boolean => tokenizer.decode(tokenizer.encode(text)) === text
  for (const text of [
    TEXT,
    '',
    ' ',
    '  a',
    '\u0000\u0001\u007f\u0080ÿ',
    '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽',
    'é é',
    '\r\n\t \n',
    '𝔘𝔫𝔦'
  ])
    t.ok(comesBack(text), JSON.stringify(text))
  for (let byte = 0; byte < 256; byte++) t.ok(comesBack(String.fromCharCode(byte)), `byte ${byte}`)
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), comesBack), { numRuns: 300 })
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => comesBack(text.toWellFormed())),
    { numRuns: 300 }
  )
})

t.test('what is wrong is named', async t => {
  const dir = t.testdir({ 'a.txt': TEXT, 'empty.txt': '' })
  const file = join(dir, 'a.txt')
  for (const [words, code] of [
    [[], 'USAGE_OPTION'],
    [['--files', join(dir, 'none.txt')], 'DATA_UNREADABLE'],
    [['--files', join(dir, 'empty.txt'), '--out', join(dir, 'x.json')], 'TOKENIZER_EMPTY'],
    [['--files', file, '--vocab', '255'], 'USAGE_VALUE'],
    [['--files', file, '--vocab', '256'], 'TOKENIZER_SIZE'],
    [['--files', file, '--out', join(dir, 'none', 'x.json')], 'TOKENIZER_WRITE']
  ] as const) {
    const { code: exit, io } = await train(...words)
    t.match(JSON.parse(io.printed.at(-1)!), { ok: false, error: { code } })
    t.not(exit, 0)
  }
  const io = new FakeIo({ json: true })
  t.equal(await runCli(['tokenizer', 'eat'], { commands, env: {}, io }), 2)
})
