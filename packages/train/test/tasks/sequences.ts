import { Prng } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { openTask } from '../../src/index.ts'
import { deviceOrReason } from '../fixtures/small.ts'
import { folderOf, foundTask, inferenceOf, learn } from '../fixtures/task.ts'

const TEXTS = { columns: 3, label: 1, text: 2, leaveOut: 'none', vocabulary: 300, length: 12, width: 16 }
const SMALL = { ...TEXTS, grams: 2, buckets: 64, dropoutPercent: 0, dropPiecesPercent: 20, decayPercent: 10 }
const ENCODER = { ...TEXTS, model: 'encoder', heads: 2, inner: 32, dropoutPercent: 0 }

/** One word of each text tells its label; a fifth of the rows have none. */
const rows = (count: number, prng: Prng): string =>
  Array.from({ length: count }, (_, i) => {
    const label = i % 5 === 4 ? 'none' : prng.pick(['cold', 'warm'])
    const word = { cold: 'ice', warm: 'sun', none: 'air' }[label]
    return `x\t${label}\t${prng.pick(['so', 'then'])} the ${word} ${prng.pick(['came', 'went'])}\n`
  }).join('')

const dataset = (t: Test): Promise<string> => {
  const prng = new Prng('sequences')
  return folderOf(t, { 'train.tsv': rows(200, prng), 'dev.tsv': `${rows(50, prng)}x\tstranger\tthe sun\n` })
}

t.test('the classes are those of the training file, and the options say all', async t => {
  const folder = await dataset(t)
  const task = await foundTask('sequences', SMALL, folder)
  t.match(task.options, { ...SMALL, classes: 2 })
  t.strictSame(openTask(task).tensors(), task.tensors())
  const { leaveOut, ...rest } = SMALL
  const whole = await foundTask('sequences', rest, folder)
  t.match(whole.options, { leaveOut: '', classes: 3 }, `without it, "${leaveOut}" is a class as well`)
  t.strictSame(openTask(whole).options, whole.options)
  const seed = new Uint8Array(32)
  const three = openTask({ id: 'sequences', options: { ...task.options, classes: 3 } })
  await t.rejects(three.load({ seed, folder }), { code: 'TASK_OPTIONS', message: /2 labels, not 3/ })
  t.match((await foundTask('sequences', ENCODER, folder)).options, { ...ENCODER, dropPiecesPercent: 0 })
  for (const change of [
    { model: 'other' },
    { heads: 2 },
    { label: 3 },
    { text: -1 },
    { columns: 1 },
    { unknown: 1 }
  ])
    t.throws(() => openTask({ id: 'sequences', options: { ...task.options, ...change } }), {
      code: 'TASK_OPTIONS'
    })
})

const device = await deviceOrReason()
if (typeof device === 'string') t.comment(`no adapter to train on: ${device}`)
else {
  t.teardown(() => device.close())

  t.test('it learns; rows left out and labels never seen are no samples', async t => {
    const folder = await dataset(t)
    for (const options of [SMALL, ENCODER]) {
      const task = await foundTask('sequences', options, folder)
      const learning = await learn(device, task, folder, { steps: 30, rate: 1e-2 })
      const { before, after, samples, weights } = learning
      t.equal(samples, 160)
      t.ok(after.score > 0.95 && before.score < 0.8, `accuracy ${before.score} to ${after.score}`)
      t.match(after, { samples: 40, text: /cold[\s\S]*warm[\s\S]*accuracy/ })
      t.match(after.figures, { accuracy: after.score, labels: ['cold', 'warm'], macro: { support: 40 } })
      const inference = await inferenceOf(t, device, task, folder, weights)
      const [cold, warm] = await inference.classify!(['so the ice came', 'then the sun went'])
      t.match(cold, { kind: 'classes', classes: [{ label: 'cold' }, { label: 'warm' }] })
      t.match(warm, { kind: 'classes', classes: [{ label: 'warm' }, { label: 'cold' }] })
      // More texts than a batch has places, and of other lengths.
      const many = await inference.classify!(
        Array.from({ length: 19 }, (_, i) => `so the ${i % 2 === 0 ? 'ice' : 'sun'} came`)
      )
      t.strictSame(
        many.map(each => each.kind === 'classes' && each.classes[0]!.label),
        Array.from({ length: 19 }, (_, i) => (i % 2 === 0 ? 'cold' : 'warm'))
      )
      const [ice, again, sun] = await inference.embed!(['the ice', 'the ice', 'so the sun went'])
      const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
      t.ok(Math.abs(cosine(ice!.vector, again!.vector) - 1) < 1e-5)
      t.ok(cosine(ice!.vector, sun!.vector) < 0.999, 'padding counts for nothing, words do')
      t.equal(inference.generate, undefined)
    }
  })
}
