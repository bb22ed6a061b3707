import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import t from 'tap'
import { openTokenizer, trainBpe } from '../../src/index.ts'
import { BYTE_CHARACTERS, preTokenize } from '../../src/tokenizers/byte-level.ts'
import { realData, withoutRealData } from '../fixtures/real-data.ts'

const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
const TEXTS = ['low lower lowest', 'new newer newest', 'wide wider widest, low low low']

interface Json {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] }
}

t.test('the pair that occurs most often comes first, and the order of the texts does not matter', async t => {
  const json = (await trainBpe(TEXTS, { vocabulary: 270, specials: SPECIALS })) as Json
  t.strictSame(json.model.merges.slice(0, 2), [
    ['Ġ', 'l'],
    ['o', 'w']
  ])
  t.equal(Object.keys(json.model.vocab).length, 270)
  t.equal(json.model.vocab['[MASK]'], 4)
  t.strictSame(await trainBpe(TEXTS.toReversed(), { vocabulary: 270, specials: SPECIALS }), json)
})

t.test('it ends when nothing occurs twice', async t => {
  const json = (await trainBpe(['ab ab'], { vocabulary: 1000, specials: [] })) as Json
  t.strictSame(json.model.merges, [
    ['Ġ', 'a'],
    ['Ġa', 'b']
  ])
})

t.test('impossible sizes', async t => {
  for (const vocabulary of [0, 260, 300.5, Number.NaN, 2_000_000])
    await t.rejects(trainBpe(TEXTS, { vocabulary, specials: SPECIALS }), { code: 'TOKENIZER_SIZE' })
})

t.test('the same merges as a plain count of all pairs gives', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é'), maxLength: 12 }), {
        maxLength: 6
      }),
      async texts => {
        const json = (await trainBpe(texts, { vocabulary: 262, specials: [] })) as Json
        t.strictSame(json.model.merges, plainMerges(texts, 6))
      }
    ),
    { numRuns: 60 }
  )
})

t.test('any text comes back', async t => {
  const tokenizer = openTokenizer(await trainBpe(TEXTS, { vocabulary: 274, specials: SPECIALS }))
  t.equal(tokenizer.vocabulary, 274)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      const ids = tokenizer.encode(text)
      const back = tokenizer.decode(ids)
      const isPlain = ids.every(id => id >= SPECIALS.length && id < tokenizer.vocabulary)
      // The property answers: a random text in the name of an assertion may break the report.
      return isPlain && (back === text || back === ` ${text}`)
    })
  )
})

t.test('words that are split already', async t => {
  const tokenizer = openTokenizer(await trainBpe(TEXTS, { vocabulary: 280, specials: SPECIALS }))
  const words = ['lowest', '🦀', 'low']
  const { ids, starts } = tokenizer.encodeWords(words)
  t.equal(starts.length, words.length)
  t.equal(starts[0], 0)
  t.strictSame(
    words.map((_, i) => tokenizer.decode(ids.slice(starts[i], starts[i + 1])).trim()),
    words
  )
  t.equal(tokenizer.special('<pad>', '[PAD]'), 0)
  t.throws(() => tokenizer.special('<nothing>'), { code: 'TOKENIZER_SPECIAL' })
})

t.test('on Shakespeare', { skip: withoutRealData }, async t => {
  const text = await readFile(realData('lm-shakespeare', 'input.txt'), 'utf8')
  const tokenizer = openTokenizer(
    await trainBpe([text.slice(0, 300_000)], { vocabulary: 1024, specials: [] })
  )
  t.equal(tokenizer.vocabulary, 1024)
  const held = text.slice(300_000, 310_000)
  const ids = tokenizer.encode(held)
  t.equal(tokenizer.decode(ids).trim(), held.trim())
  t.ok(held.length / ids.length > 2.2, `${(held.length / ids.length).toFixed(2)} characters a token`)
})

/** The same rule, without any bookkeeping: counts everything anew for each merge. */
const plainMerges = (texts: readonly string[], most: number): [string, string][] => {
  const words = texts
    .flatMap(text => preTokenize(/^\s/.test(text) ? text : ` ${text}`))
    .map(word => Array.from(new TextEncoder().encode(word), byte => BYTE_CHARACTERS[byte]!))
  const age = [...BYTE_CHARACTERS]
  const merges: [string, string][] = []
  while (merges.length < most) {
    const counts = new Map<string, { pair: [string, string]; count: number }>()
    for (const pieces of words)
      for (let i = 1; i < pieces.length; i++) {
        const pair: [string, string] = [pieces[i - 1]!, pieces[i]!]
        const known = counts.get(pair.join(' '))
        counts.set(pair.join(' '), { pair, count: (known?.count ?? 0) + 1 })
      }
    const [best] = [...counts.values()]
      .filter(({ count }) => count > 1)
      .sort(
        (a, b) =>
          b.count - a.count ||
          age.indexOf(a.pair[0]) - age.indexOf(b.pair[0]) ||
          age.indexOf(a.pair[1]) - age.indexOf(b.pair[1])
      )
    if (best === undefined) break
    merges.push(best.pair)
    age.push(best.pair.join(''))
    for (const [w, pieces] of words.entries()) {
      const merged: string[] = []
      for (let i = 0; i < pieces.length; i++) {
        if (pieces[i] === best.pair[0] && pieces[i + 1] === best.pair[1]) {
          merged.push(best.pair.join(''))
          i++
        } else merged.push(pieces[i]!)
      }
      words[w] = merged
    }
  }
  return merges
}
