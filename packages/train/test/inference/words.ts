import t from 'tap'
import { inTexts, windowsOf, wordsOf } from '../../src/inference/words.ts'
import { encodeTagged } from '../../src/tasks/word-shapes.ts'

t.test('words as data sets in columns have them', async t => {
  const text = 'Dr. Zoë-Marie (@zoe_m) didn’t pay 3.14 €, #sad!'
  t.strictSame(
    wordsOf(text).map(word => word.text),
    ['Dr', '.', 'Zoë-Marie', '(', '@', 'zoe_m', ')', 'did', 'n’t', 'pay', '3.14', '€', ',', '#', 'sad', '!']
  )
  for (const { text: word, start, end } of wordsOf(text)) t.equal(text.slice(start, end), word)
  t.strictSame(wordsOf('  \n'), [])
})

t.test('words have the parts that they have in columns', async t => {
  const parts = (text: string) => wordsOf(text).map(word => word.text)
  t.strictSame(parts("#Ann's we'll Don’t"), ['#', 'Ann', "'s", 'we', "'ll", 'Do', 'n’t'])
  for (const whole of ['@', 'name', "O'Neil", 'Zoë-Marie', 'https://t.co/a'])
    t.strictSame(parts(whole), [whole])
})

// A piece for each letter.
const tokenizer = {
  encodeWords(words: readonly string[]) {
    const starts: number[] = []
    const ids: number[] = []
    for (const word of words) {
      starts.push(ids.length)
      ids.push(...Array.from(word, letter => letter.charCodeAt(0)))
    }
    return { ids, starts }
  }
}

t.test('a text is seen as the same words in columns are', async t => {
  const columns = encodeTagged(tokenizer, ['by', '@', 'Ann', 'today'])
  t.strictSame(columns.starts, [0, 2, 3, 6])
  const [window] = windowsOf('by @Ann today', words => encodeTagged(tokenizer, words), 99)
  t.strictSame([window!.ids, window!.types, window!.starts], [columns.ids, columns.types, columns.starts])
})

t.test('windows hold whole words and all of them', async t => {
  const encode = (words: readonly string[]) => encodeTagged(tokenizer, words)
  const windows = windowsOf('abc de fghijklm n op', encode, 5)
  t.strictSame(
    windows.map(({ words, ids, starts }) => [words.map(({ text }) => text), ids.length, starts]),
    [
      [['abc', 'de'], 5, [0, 3]],
      [['fghijklm'], 5, [0]],
      [['n', 'op'], 3, [0, 1]]
    ]
  )
  t.strictSame(windowsOf('', encode, 5), [])
})

t.test('entities stand where their words stand', async t => {
  const text = 'Ann Lee of Rome.'
  const tags = ['B-PER', 'I-PER', 'O', 'B-LOC', 'O']
  t.strictSame(
    inTexts(
      text,
      wordsOf(text).map((word, i) => ({ ...word, tag: tags[i]! }))
    ),
    [
      { type: 'PER', text: 'Ann Lee', start: 0, end: 7 },
      { type: 'LOC', text: 'Rome', start: 11, end: 15 }
    ]
  )
})
