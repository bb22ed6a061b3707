import t from 'tap'
import { openTokenizer } from '../../src/index.ts'

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'play', '##ing', '##s', 'a', '!']

/** As BERT's: lower case, accents off, words apart, longest piece first. */
const wordPiece = {
  version: '1.0',
  added_tokens: VOCABULARY.slice(0, 5).map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true
  })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(VOCABULARY.map((token, id) => [token, id]))
  }
}

t.test('WordPiece', async t => {
  const tokenizer = openTokenizer(wordPiece)
  t.equal(tokenizer.vocabulary, VOCABULARY.length)
  t.strictSame(tokenizer.encode('The plays, playing!').map(tokenizer.tokenOf), [
    'the',
    'play',
    '##s',
    '[UNK]',
    'play',
    '##ing',
    '!'
  ])
  t.equal(tokenizer.decode([5, 6, 7]), 'the playing')
  t.equal(tokenizer.idOf('[MASK]'), 4)
  t.equal(tokenizer.idOf('nothing'), undefined)
})

t.test('words: where each begins, and a word of which nothing is left', async t => {
  const tokenizer = openTokenizer(wordPiece)
  t.strictSame(tokenizer.encodeWords(['playing', '\u200b', 'A']), { ids: [6, 7, 1, 9], starts: [0, 2, 3] })
  t.strictSame(tokenizer.encodeWords([]), { ids: [], starts: [] })
})

t.test('what is no tokenizer', async t => {
  for (const json of [
    {},
    { model: null },
    { model: {} },
    { model: { type: 'BPE', vocab: {}, merges: [] } },
    []
  ])
    t.throws(() => openTokenizer(json), { code: 'TOKENIZER_FORMAT' })
})
