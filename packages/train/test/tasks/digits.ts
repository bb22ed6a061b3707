import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { concatBytes, sha256, toHex, utf8 } from '@gradmesh/core'
import t from 'tap'
import { digits, type LabelledData, loadDigits, openTask, taskKind } from '../../src/index.ts'

const digestOf = ({ inputs, labels }: LabelledData): string =>
  toHex(sha256(concatBytes(new Uint8Array(inputs.buffer), new Uint8Array(labels.buffer))))

t.test('8,000 to learn from, 2,000 held out, none on both sides', async t => {
  const { train, heldOut } = await loadDigits(utf8('a seed'))
  t.equal(train.count, 8000)
  t.equal(heldOut.count, 2000)
  for (const { count, inputSize, inputs, labels } of [train, heldOut]) {
    t.equal(inputSize, 784)
    t.equal(inputs.length, count * 784)
    t.equal(labels.length, count)
    t.ok(inputs.every(value => value >= 0 && value <= 1))
    const perClass = Array.from({ length: 10 }, (_, digit) => labels.filter(label => label === digit).length)
    t.ok(
      perClass.every(n => n > 0.08 * count && n < 0.12 * count),
      `classes are even: ${perClass}`
    )
  }
  const keys = (data: LabelledData): string[] =>
    Array.from({ length: data.count }, (_, i) =>
      Buffer.from(data.inputs.slice(784 * i, 784 * (i + 1)).buffer).toString('latin1')
    )
  const learnt = new Set(keys(train))
  t.equal(keys(heldOut).filter(key => learnt.has(key)).length, 0, 'no held-out image is learnt from')
})

t.test('the data stay what earlier versions loaded', async t => {
  const vector = JSON.parse(await readFile(new URL('../vectors/digits.json', import.meta.url), 'utf8'))
  const { train, heldOut } = await loadDigits(utf8(vector.seed))
  t.equal(digestOf(train), vector.trainSha256)
  t.equal(digestOf(heldOut), vector.heldOutSha256)
})

t.test('missing and damaged files are named, with a remedy', async t => {
  const folder = t.testdir({
    empty: {},
    text: { '0.json': 'not json' },
    other: { '0.json': '{"images":[]}' },
    none: { '0.json': 'null' },
    short: { '0.json': '{"data":[0,0,1]}' },
    long: { '0.json': JSON.stringify({ data: Array(10_001 * 784).fill(0) }) },
    changed: Object.fromEntries(
      Array.from({ length: 10 }, (_, digit) => [
        `${digit}.json`,
        JSON.stringify({ data: Array(1000 * 784).fill(digit / 10) })
      ])
    )
  })
  const load = (name: string) =>
    digits({ folder: pathToFileURL(`${folder}/${name}/`) })
      .open({})
      .load({ seed: new Uint8Array(32), folder: null })
  await t.rejects(load('empty'), { code: 'DATA_MISSING', remedy: /npm ci/ })
  for (const name of ['text', 'other', 'none', 'short', 'long', 'changed'])
    await t.rejects(load(name), { code: 'DATA_CORRUPT', remedy: /npm ci/ }, name)
})

t.test('the task by its name', async t => {
  t.equal(openTask({ id: 'digits', options: {} }).id, 'digits')
  t.throws(() => openTask({ id: 'chess', options: {} }), { code: 'TASK_UNKNOWN', remedy: /digits/ })
  t.throws(() => openTask({ id: 'digits', options: { classes: 11 } }), { code: 'TASK_OPTIONS' })
  await t.rejects(taskKind('digits').found({ size: 'big' }, null), { code: 'TASK_OPTIONS' })
  t.strictSame(await taskKind('digits').found({}, null), {})
})

t.test('the tensors are those that the exported file names', async t => {
  t.same(
    openTask({ id: 'digits', options: {} })
      .tensors()
      .map(({ name, shape, trainable, initBound }) => [name, shape, trainable, initBound]),
    [
      ['layers.0.weight', [256, 784], true, 1_467_701],
      ['layers.0.bias', [256], true, 0],
      ['layers.1.weight', [10, 256], true, 2_568_476],
      ['layers.1.bias', [10], true, 0]
    ]
  )
})
