import t from 'tap'
import { inTexts, windowsOf, wordsOf } from '../../src/inference/words.ts'

t.test('words as data sets in columns have them', async t => {
  const text = 'Dr. Zoë-Marie (@zoe_m) didn’t pay 3.14 €, #sad!'
  t.strictSame(
    wordsOf(text).map(word => word.text),
    ['Dr', '.', 'Zoë-Marie', '(', '@zoe_m', ')', 'didn’t', 'pay', '3.14', '€', ',', '#sad', '!']
  )
  for (const { text: word, start, end } of wordsOf(text)) t.equal(text.slice(start, end), word)
  t.strictSame(wordsOf('  \n'), [])
})

t.test('windows hold whole words and all of them', async t => {
  // A piece for each letter.
  const encodeWords = (words: readonly string[]) => {
    const starts: number[] = []
    const ids: number[] = []
    for (const word of words) {
      starts.push(ids.length)
      ids.push(...Array.from(word, letter => letter.charCodeAt(0)))
    }
    return { ids, starts }
  }
  const windows = windowsOf('abc de fghijklm n op', encodeWords, 5)
  t.strictSame(
    windows.map(({ words, ids, starts }) => [words.map(({ text }) => text), ids.length, starts]),
    [
      [['abc', 'de'], 5, [0, 3]],
      [['fghijklm'], 5, [0]],
      [['n', 'op'], 3, [0, 1]]
    ]
  )
  t.strictSame(windowsOf('', encodeWords, 5), [])
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
