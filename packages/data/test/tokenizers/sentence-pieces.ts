import { readFile } from 'node:fs/promises'
import t from 'tap'
import { openTokenizer, readLlama2cPieces, type ScoredPiece, sentencePieceJson } from '../../src/index.ts'
import { realData, withoutRealData } from '../fixtures/real-data.ts'

t.test('a pretrained tokenizer of llama2.c', { skip: withoutRealData }, async t => {
  const pieces = readLlama2cPieces(await readFile(realData('model-stories260k', 'tok512.bin')))
  t.equal(pieces.length, 512)
  const tokenizer = openTokenizer(sentencePieceJson(pieces))
  t.equal(tokenizer.vocabulary, 512)
  t.equal(tokenizer.special('<s>'), 1)
  const texts = [
    'Once upon a time, there was a little girl named Lily.',
    'x',
    'She saw 12 crabs: 🦀🦀 — “hello”!',
    'two  spaces\nand a line'
  ]
  for (const text of texts) {
    const ids = tokenizer.encode(text)
    t.strictSame(ids, encodePlainly(pieces, text), text)
    t.equal(tokenizer.decode(ids), text)
  }
})

t.test('damaged files', async t => {
  const piece = (text: string): number[] => [0, 0, 0, 0, text.length, 0, 0, 0, ...Buffer.from(text)]
  const whole = Uint8Array.from([
    9,
    0,
    0,
    0,
    ...piece('<unk>'),
    ...piece('<s>'),
    ...piece('</s>'),
    ...piece(' a')
  ])
  t.strictSame(
    readLlama2cPieces(whole).map(({ text }) => text),
    ['<unk>', '<s>', '</s>', '▁a']
  )
  for (const length of [0, 4, 11, 20, whole.length - 1])
    t.throws(() => readLlama2cPieces(whole.subarray(0, length)), { code: 'TOKENIZER_FORMAT' })
  const negative = whole.slice()
  negative.fill(0xff, 8, 12)
  t.throws(() => readLlama2cPieces(negative), { code: 'TOKENIZER_FORMAT' })
})

/** From characters up: again and again the merge whose piece has the best score. */
const encodePlainly = (pieces: readonly ScoredPiece[], text: string): number[] => {
  const ids = new Map(pieces.map((piece, id) => [piece.text, id]))
  let tokens = [...`▁${text.replaceAll(' ', '▁')}`].flatMap(character => {
    const id = ids.get(character)
    if (id !== undefined) return [id]
    return [...Buffer.from(character)].map(byte => 3 + byte)
  })
  for (;;) {
    const merges = tokens.slice(1).flatMap((token, i) => {
      const id = ids.get(pieces[tokens[i]!]!.text + pieces[token]!.text)
      return id === undefined ? [] : [{ at: i, id, score: pieces[id]!.score }]
    })
    const [best] = merges.sort((a, b) => b.score - a.score || a.at - b.at)
    if (best === undefined) return tokens
    tokens = [...tokens.slice(0, best.at), best.id, ...tokens.slice(best.at + 2)]
  }
}
