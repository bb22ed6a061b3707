import { Prng } from '@gradmesh/core'
import t from 'tap'
import { OptionReader } from '../../src/tasks/options.ts'
import { readTextModel, type TextModel, withGrams } from '../../src/tasks/text-models.ts'

/** The inputs of a batch of these texts. */
const inputsOf = (
  model: TextModel,
  texts: readonly (readonly number[])[],
  batch: number,
  random: Prng | null
) =>
  model.inputs(
    texts.map(text => model.rowOf(text, random)),
    { batch, length: model.length }
  )

const modelOf = (options: Readonly<Record<string, number | string>>) =>
  readTextModel(new OptionReader('sequences', options), 2)

t.test(
  'neighbours have a token past the vocabulary, the same for the same pieces in the same order',
  async t => {
    t.strictSame(withGrams([5, 6, 7], 1, 300, 64), [5, 6, 7])
    const grams = withGrams([5, 6, 5, 6], 2, 300, 2 ** 20)
    t.strictSame(grams.slice(0, 4), [5, 6, 5, 6])
    t.equal(grams.length, 7)
    t.equal(grams[4], grams[6])
    t.not(grams[4], grams[5], 'the order counts')
    t.equal(withGrams([1, 2, 3, 4], 3, 300, 64).length, 4 + 3 + 2)
    for (const token of withGrams([...Array(100).keys()], 3, 300, 64).slice(100))
      t.ok(token >= 300 && token < 364)
  }
)

t.test('a bag: shares by the root of how many there are, padding for nothing', async t => {
  const model = modelOf({ vocabulary: 300, length: 8, grams: 2, buckets: 16, dropPiecesPercent: 50 })
  const { tokens, shares } = inputsOf(model, [[3, 4], []], 3, null)
  t.equal(tokens!.length, 3 * 16)
  t.strictSame([...tokens!.subarray(0, 2)], [3, 4])
  const share = Math.fround(1 / Math.sqrt(3))
  t.strictSame([...shares!], [share, share, share, ...new Array(45).fill(0)])
  const long = inputsOf(model, [Array.from({ length: 100 }, () => 3)], 1, null)
  t.equal(long.shares!.filter(one => one > 0).length, 8 + 7, 'no more than its length')
})

t.test('some pieces are left out in training, never all', async t => {
  for (const kind of ['bag', 'encoder']) {
    const model = modelOf({ model: kind, vocabulary: 300, length: 32, dropPiecesPercent: 90 })
    const text = Array.from({ length: 20 }, (_, i) => 100 + i)
    const random = new Prng('pieces')
    let kept = 0
    for (let draw = 0; draw < 100; draw++) {
      const { tokens } = inputsOf(model, [text], 1, random)
      const left = [...tokens!].filter(token => token >= 100)
      t.ok(left.length >= 1 && left.length < 20)
      kept += left.length
    }
    t.ok(kept > 150 && kept < 300, `${kept} of 2,000`)
    t.equal([...inputsOf(model, [text], 1, null).tokens!].filter(token => token >= 100).length, 20)
  }
})
