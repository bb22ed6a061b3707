import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Prng } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { openTask, type Task } from '../../src/index.ts'
import { deviceOrReason } from '../fixtures/small.ts'
import { folderOf, foundTask, inferenceOf, learn, startOf } from '../fixtures/task.ts'

const SMALL = { vocabulary: 300, length: 16, width: 16, layers: 1, heads: 2, inner: 32, dropoutPercent: 0 }

/** Names are those that a title stands before: a rule that is learnt in a moment. */
const sentences = (count: number, prng: Prng): string =>
  Array.from({ length: count }, () => {
    const name = prng.pick(['Ann', 'Bob', 'Cleo'])
    return `${prng.pick(['today', 'then'])} O\nMx O\n${name} B-PER\nwent O\nto O\n${prng.pick(['Rome', 'Oslo'])} B-LOC\n`
  }).join('\n')

const dataset = (t: Test): Promise<string> => {
  const prng = new Prng('entities')
  return folderOf(t, { 'train.conll': sentences(200, prng), 'dev.conll': sentences(40, prng) })
}

const found = (folder: string): Promise<Task> => foundTask('entities', SMALL, folder)

t.test(
  'a founder names the data by their content, and a peer opens the same task from the options',
  async t => {
    const folder = await dataset(t)
    const task = await found(folder)
    t.match(task.options, {
      ...SMALL,
      hideWordsPercent: 25,
      types: 'LOC PER',
      train: /^[0-9a-f]{64}$/,
      dev: /^[0-9a-f]{64}$/
    })
    t.strictSame(openTask(task).tensors(), task.tensors())
    t.strictSame(
      new Set((await task.bases(folder)).keys()),
      new Set(
        task
          .tensors()
          .filter(({ based }) => based)
          .map(({ name }) => name)
      ),
      'every based tensor has its base, and no other'
    )
  }
)

t.test('other data, wrong options, no folder', async t => {
  const folder = await dataset(t)
  const task = await found(folder)
  const seed = new Uint8Array(32)
  await t.rejects(task.load({ seed, folder: null }), { code: 'DATA_MISSING', remedy: /--dataset/ })
  await writeFile(join(folder, 'dev.conll'), 'other O\n')
  await t.rejects(task.load({ seed, folder }), { code: 'DATA_CHANGED' })
  for (const change of [
    { width: 0 },
    { width: 'big' },
    { heads: 3 },
    { hideWordsPercent: 91 },
    { unknown: 1 },
    { types: '' },
    { dev: 'ab' }
  ])
    t.throws(() => openTask({ id: 'entities', options: { ...task.options, ...change } }), {
      code: /TASK_OPTIONS|MODEL_CONFIG/
    })
})

const device = await deviceOrReason()
if (typeof device === 'string') t.comment(`no adapter to train on: ${device}`)
else {
  t.teardown(() => device.close())

  t.test('it learns, and its report is that of the CoNLL count', async t => {
    const folder = await dataset(t)
    const task = await found(folder)
    const { before, after, loss, samples, weights } = await learn(device, task, folder, {
      steps: 60,
      rate: 1e-2
    })
    t.equal(samples, 200)
    t.ok(loss < before.loss, `mean loss ${loss} from ${before.loss}`)
    t.ok(after.score > 0.9 && before.score < 0.5, `F1 ${before.score} to ${after.score}`)
    t.match(after, { samples: 40, text: /PER .*40/, figures: { f1: after.score, tokens: 240 } })
    const inference = await inferenceOf(t, device, task, folder, weights)
    const text = `today Mx Bob went to Oslo${' then Mx Ann went to Rome'.repeat(9)}`
    const [one, long, none] = await inference.classify!(['then Mx Cleo went to Rome', text, ''])
    t.strictSame(one, {
      kind: 'entities',
      entities: [
        { type: 'PER', text: 'Cleo', start: 8, end: 12 },
        { type: 'LOC', text: 'Rome', start: 21, end: 25 }
      ]
    })
    t.strictSame(none, { kind: 'entities', entities: [] })
    const entities = long?.kind === 'entities' ? long.entities : []
    t.match(entities[0], { type: 'PER', text: 'Bob' })
    t.ok(entities.at(-1)!.start > 200, 'also far beyond what the model sees at once')
    for (const { start, end, text: words } of entities) t.equal(text.slice(start, end), words)
  })

  t.test('rows and weights that do not fit are refused', async t => {
    const folder = await dataset(t)
    const task = await found(folder)
    const trainer = await (await task.load({ seed: new Uint8Array(32), folder })).trainer(device)
    const start = await startOf(task, folder)
    trainer.load(start)
    await t.rejects(trainer.step(Uint32Array.of(1), 1e-3), { code: 'TRAIN_ROWS' })
    await t.rejects(trainer.step(new Uint32Array(task.recipe.batch).fill(200), 1e-3), { code: 'TRAIN_ROWS' })
    t.throws(() => trainer.load(start.subarray(1)), { code: 'TRAIN_WEIGHTS' })
    await trainer.close()
  })
}
