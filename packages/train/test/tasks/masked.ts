import { Prng } from '@gradmesh/core'
import t from 'tap'
import { openTask, type Report } from '../../src/index.ts'
import { openText, Pairs } from '../../src/tasks/masked.ts'
import { deviceOrReason } from '../fixtures/small.ts'
import { folderOf, foundTask, inferenceOf, learn } from '../fixtures/task.ts'

const SMALL = { vocabulary: 300, length: 16, width: 16, layers: 1, heads: 2, inner: 32, heldOut: 40 }

/** Each word stands in its place of a line, in one of two forms that a whole line shares. */
const lines = (count: number, prng: Prng): string =>
  Array.from({ length: count }, () =>
    prng.pick(['sun ice fog mud dew sky\n', 'Sun Ice Fog Mud Dew Sky\n'])
  ).join('')

const masking = { length: 16, vocabulary: 300, maskPercent: 25 }
const passages = Array.from({ length: 50 }, (_, i) => [100 + i, 100 + i, 150 + i, 200 + i])

t.test('what is asked for is what stood there, and nothing else counts', async t => {
  const pairs = new Pairs(passages, masking, new Prng('pairs'))
  t.equal(pairs.count, 49)
  let [follow, masks, same, hiddenInAll] = [0, 0, 0, 0]
  for (let sample = 0; sample < pairs.count; sample++) {
    const { tokens, second, hidden, next } = pairs.pair(sample)
    const whole = [...tokens]
    for (const { place, token } of hidden) {
      if (whole[place] === 4) masks++
      if (whole[place] === token) same++
      whole[place] = token
    }
    hiddenInAll += hidden.length
    const other = whole.slice(second, -1)
    t.strictSame(whole.slice(0, second), [2, ...passages[sample]!, 3])
    t.equal(whole.at(-1), 3)
    const at = passages.findIndex(passage => passage.join() === other.join())
    t.equal(at === sample + 1, next === 0, 'the label says whether it follows')
    t.not(at, sample)
    follow += Number(next === 0)
    t.equal(hidden.length, 2, 'a quarter of eight')
  }
  t.ok(follow > 12 && follow < 37, `${follow} of 49 follow`)
  t.ok(masks / hiddenInAll > 0.65 && masks < hiddenInAll && same > 0, `${masks} masks, ${same} unchanged`)

  const { tokens, types, lengths, picks, labels, weights, ...next } = pairs.inputs(Uint32Array.of(3, 4), 3)
  t.strictSame([...lengths], [11, 11, 1])
  t.strictSame([...types.subarray(0, 16)], [...Array(6).fill(0), ...Array(5).fill(1), ...Array(5).fill(0)])
  t.strictSame([...weights], [0.25, 0.25, 0, 0, 0.25, 0.25, 0, 0, 0, 0, 0, 0])
  t.strictSame([...next['next.weights']], [0.5, 0.5, 0])
  t.ok(picks[4]! > 16 && picks[4]! < 16 + 11 && labels[4]! >= 100)
  t.equal(tokens[16], 2)
})

t.test('held-out samples are the same each time, training draws others', async t => {
  const held = new Pairs(passages, masking, null, 10)
  t.equal(held.count, 10)
  t.strictSame(held.pair(7), held.pair(7))
  const train = new Pairs(passages, masking, new Prng('pairs'))
  t.not(JSON.stringify([1, 2, 3].map(() => train.pair(7))), JSON.stringify([1, 2, 3].map(() => held.pair(7))))
})

t.test('a text with places left open', async t => {
  // A piece for each letter; a space goes with the letter behind it.
  const tokenizer = {
    encode: (text: string) =>
      Array.from(text.matchAll(/ ?\S/g), ([piece]) => piece.charCodeAt(piece.length - 1))
  }
  const [A, B, MASK] = [65, 66, 4]
  const text = 'A [MASK] B[MASK]'
  const { row, places } = openText(tokenizer, text, 16)
  t.strictSame(row, { tokens: [2, A, MASK, B, MASK, 3], picks: [2, 4] })
  for (const { start, end } of places) t.equal(text.slice(start, end), '[MASK]')
  t.strictSame(openText(tokenizer, '[MASK]', 16).row, { tokens: [2, MASK, 3], picks: [1] })
  for (const wrong of ['A B', '', '[MASK]'.repeat(17)])
    t.throws(() => openText(tokenizer, wrong, 64), {
      code: 'INFERENCE_PROMPT',
      remedy: /write \[MASK\] at 1 to 16/
    })
  t.throws(() => openText(tokenizer, 'A B [MASK]', 4), { code: 'INFERENCE_PROMPT', remedy: /shorter/ })
})

t.test('options, and texts too short', async t => {
  const prng = new Prng('masked')
  const folder = await folderOf(t, { 'train.txt': lines(100, prng), 'dev.txt': 'sun\n' })
  const task = await foundTask('masked', SMALL, folder)
  t.match(task.options, { ...SMALL, maskPercent: 15, train: /^[0-9a-f]{64}$/ })
  t.strictSame(openTask(task).tensors(), task.tensors())
  for (const change of [{ maskPercent: 0 }, { heads: 3 }, { start: 'lora' }])
    t.throws(() => openTask({ id: 'masked', options: { ...task.options, ...change } }), {
      code: /TASK_OPTIONS|MODEL_CONFIG/
    })
  await t.rejects(task.load({ seed: new Uint8Array(32), folder }), { code: 'TRAIN_DATA' })
})

const device = await deviceOrReason()
if (typeof device === 'string') t.comment(`no adapter to train on: ${device}`)
else {
  t.teardown(() => device.close())

  t.test('it learns hidden tokens from their neighbours', async t => {
    const prng = new Prng('masked')
    const folder = await folderOf(t, { 'train.txt': lines(300, prng), 'dev.txt': lines(80, prng) })
    const task = await foundTask('masked', SMALL, folder)
    const { before, after, weights } = await learn(device, task, folder, { steps: 80, rate: 1e-2 })
    const perplexity = ({ figures }: Report) => (figures as { perplexity: number }).perplexity
    t.ok(perplexity(before) > 200 && perplexity(after) < 6, `${perplexity(before)} to ${perplexity(after)}`)
    t.ok(after.score > 0.3 && before.score < 0.1, `${before.score} to ${after.score} of the hidden tokens`)
    t.match(after, { samples: 40, text: /hidden tokens right .* perplexity .* of 40 next passages/ })
    t.match(after.figures, { maskedAccuracy: after.score, hidden: 80, loss: after.loss })

    const inference = await inferenceOf(t, device, task, folder, weights)
    const texts = ['sun ice [MASK] mud dew sky', 'sun [MASK] fog mud dew [MASK]']
    const found = await inference.classify!(texts)
    const likeliest = found.map(each =>
      each.kind === 'places' ? each.places.map(({ pieces }) => pieces[0]!.label.toLowerCase()) : []
    )
    t.strictSame(likeliest, [[' fog'], [' ice', ' sky']], 'the words of these places, in either form')
    await t.rejects(inference.classify!(['sun ice fog']), { code: 'INFERENCE_PROMPT' })
    const [vector] = await inference.embed!(['sun ice fog'])
    t.equal(vector!.vector.length, 16)
  })
}
