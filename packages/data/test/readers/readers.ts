import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { linesOf, piecesOf, readConll, readIdx, readJsonl, readTsv } from '../../src/index.ts'

const fileOf = (t: Test) => {
  const folder = t.testdir()
  let count = 0
  return async (content: string | Uint8Array): Promise<string> => {
    const path = join(folder, `${count++}`)
    await writeFile(path, content)
    return path
  }
}

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

t.test('lines, packed or not, with or without a last end', async t => {
  const file = fileOf(t)
  const expected = ['one', '', 'drei äöü 🦀']
  const text = 'one\r\n\ndrei äöü 🦀'
  for (const content of [text, `${text}\n`, gzipSync(text)]) {
    const lines = await all(linesOf(await file(content)))
    t.strictSame(
      lines.map(line => line.text),
      expected
    )
    t.strictSame(
      lines.map(line => line.number),
      [1, 2, 3]
    )
  }
  t.strictSame(await all(linesOf(await file(''))), [])
})

t.test('any text comes back whole, wherever the pieces break', async t => {
  const file = fileOf(t)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.nat(3), async (text, times) => {
      const whole = text.repeat(1 + 700 * times)
      t.equal((await all(piecesOf(await file(whole)))).join(''), whole.replace(/^\ufeff/, ''))
    }),
    { numRuns: 30 }
  )
})

t.test('what cannot be read says where and why', async t => {
  const file = fileOf(t)
  const packed = gzipSync('x'.repeat(100_000))
  await t.rejects(all(linesOf(join(t.testdirName, 'nowhere'))), {
    code: 'DATA_UNREADABLE',
    message: /ENOENT/
  })
  await t.rejects(all(linesOf(t.testdirName)), { code: 'DATA_UNREADABLE', message: /EISDIR/ })
  await t.rejects(all(linesOf(await file(Uint8Array.of(0x61, 0xff, 0x0a)))), { code: 'DATA_FORMAT' })
  await t.rejects(all(linesOf(await file(Uint8Array.of(0x61, 0xc3)))), { code: 'DATA_FORMAT' })
  await t.rejects(all(linesOf(await file(packed.subarray(0, packed.length - 9)))), { code: 'DATA_FORMAT' })
  await t.rejects(all(linesOf(await file('x'.repeat(5 * 1024 * 1024)))), {
    code: 'DATA_FORMAT',
    data: { line: 1 }
  })
})

t.test('sentences in columns', async t => {
  const file = fileOf(t)
  const text = '-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\n\nPeter\tNNP\tI-PER\n'
  t.strictSame(await all(readConll(await file(text))), [
    { tokens: ['EU', 'rejects'], tags: ['B-ORG', 'O'] },
    { tokens: ['Peter'], tags: ['I-PER'] }
  ])
  t.strictSame(await all(readConll(await file('B-A x\n'), { token: 1, tag: 0 })), [
    { tokens: ['x'], tags: ['B-A'] }
  ])
  for (const bad of ['alone\n', 'a X-PER\n', 'a B-\n', 'a b\n'])
    await t.rejects(all(readConll(await file(`ok O\n${bad}`))), { code: 'DATA_FORMAT', data: { line: 2 } })
})

t.test('rows and objects', async t => {
  const file = fileOf(t)
  t.strictSame(await all(readTsv(await file('pos\ta b\n\nneg\t\n'), { columns: 2 })), [
    ['pos', 'a b'],
    ['neg', '']
  ])
  t.strictSame(await all(readTsv(await file('label\ttext\npos\tx\n'), { columns: 2, header: true })), [
    ['pos', 'x']
  ])
  await t.rejects(all(readTsv(await file('a\tb\nc\n'), { columns: 2 })), {
    code: 'DATA_FORMAT',
    data: { line: 2 }
  })
  const rows = await all(readJsonl(await file('{"text":"x","label":3,"more":[]}\n\n'), ['text', 'label']))
  t.strictSame(rows, [{ text: 'x', label: '3' }])
  for (const bad of ['{', '[]', 'null', '3', '{"text":{}}', '{}'])
    await t.rejects(all(readJsonl(await file(bad), ['text'])), { code: 'DATA_FORMAT', data: { line: 1 } })
})

const idx = (shape: readonly number[], values: Uint8Array, type = 8): Uint8Array => {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0, 0, type, shape.length])
  shape.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size)
  })
  bytes.set(values, 4 + 4 * shape.length)
  return bytes
}

t.test('images', async t => {
  const file = fileOf(t)
  const values = Uint8Array.from({ length: 2 * 3 * 50_000 }, (_, i) => i % 251)
  const whole = idx([50_000, 2, 3], values)
  for (const content of [whole, gzipSync(whole)]) {
    const read = await readIdx(await file(content))
    t.strictSame(read.shape, [50_000, 2, 3])
    t.ok(Buffer.from(read.values).equals(values))
  }
  t.strictSame(await readIdx(await file(idx([0], new Uint8Array(0)))), {
    shape: [0],
    values: new Uint8Array(0)
  })
  const bad: Uint8Array[] = [
    whole.subarray(0, whole.length - 1),
    Uint8Array.of(...idx([2], Uint8Array.of(1, 2)), 3),
    idx([2], Uint8Array.of(1, 2), 13),
    idx([65_536, 65_536], new Uint8Array(0)),
    Uint8Array.of(0, 0, 8, 9),
    Uint8Array.of(0, 0, 8, 0),
    new Uint8Array(0),
    Uint8Array.of(1, 2, 3, 4, 5)
  ]
  for (const content of bad) await t.rejects(readIdx(await file(content)), { code: 'DATA_FORMAT' })
})
