import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import t from 'tap'
import {
  Detokenizer,
  openTokenizer,
  readLlama2cPieces,
  sentencePieceJson,
  type Tokenizer,
  trainBpe
} from '../../src/index.ts'
import { realData, withoutRealData } from '../fixtures/real-data.ts'

const TEXTS = ['low lower lowest', 'über naïve 🦀🦀 你好', 'newest newest']
const bytes = openTokenizer(
  await trainBpe(TEXTS, { vocabulary: 300, specials: ['<end>'], prefixSpace: false })
)

const piecesOf = (tokenizer: Tokenizer, ids: readonly number[], before: readonly number[] = []): string[] => {
  const detokenizer = new Detokenizer(tokenizer, before)
  return [...ids.map(id => detokenizer.push(id)), detokenizer.end()]
}

t.test('the pieces of any text are the text, and whole characters', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (prompt, text) => {
      const pieces = piecesOf(bytes, bytes.encode(text), bytes.encode(prompt))
      t.equal(pieces.join(''), text)
      for (const piece of pieces) t.notOk(piece.includes('\ufffd') && !text.includes('\ufffd'))
    })
  )
})

t.test('whatever a model says, no piece is half a character', async t => {
  const ids = fc.array(fc.nat(bytes.vocabulary - 1), { maxLength: 40 })
  fc.assert(
    fc.property(ids, ids, (said, before) => {
      for (const piece of piecesOf(bytes, said, before)) t.ok(piece.isWellFormed(), piece)
    })
  )
})

t.test('a character of four tokens comes with the fourth', async t => {
  const plain = openTokenizer(await trainBpe([], { vocabulary: 256, specials: [], prefixSpace: false }))
  t.strictSame(piecesOf(plain, plain.encode('a🦀')), ['a', '', '', '', '🦀', ''])
  const torn = plain.encode('a🦀').slice(0, 3)
  t.strictSame(piecesOf(plain, torn), ['a', '', '', '\ufffd'], 'what never became one is told at the end')
})

t.test('spaces of a sentencepiece vocabulary', { skip: withoutRealData }, async t => {
  const file = await readFile(realData('model-stories260k', 'tok512.bin'))
  const tokenizer = openTokenizer(sentencePieceJson(readLlama2cPieces(file)))
  const text = 'Once upon a time, Zoë saw 你 and 🦀.'
  const ids = tokenizer.encode(text)
  t.equal(piecesOf(tokenizer, ids).join(''), text)
  for (let cut = 1; cut < 9; cut++) {
    const rest = piecesOf(tokenizer, ids.slice(cut), ids.slice(0, cut)).join('')
    t.equal(tokenizer.decode(ids.slice(0, cut)) + rest, text, `after ${cut} tokens`)
  }
})
