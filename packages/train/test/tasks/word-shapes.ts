import t from 'tap'
import { PAIRS, shapePairs } from '../../src/tasks/word-shapes.ts'

t.test('words of one look have one number, others another', async t => {
  const alike = [
    ['Rome', 'Zoë'],
    ['NATO', 'U.S.'],
    ['see', 'über'],
    ['3rd', '2014'],
    [':-)', '…'],
    ['iPhone', 'McCain'],
    ['http://a.b', 'www.a.b'],
    ['A', 'É'],
    ['@', '@@'],
    ['#', '##']
  ]
  const numbers = alike.map(words => words.map(word => shapePairs([word])[0]!))
  for (const [one, other] of numbers) t.equal(one, other)
  t.equal(new Set(numbers.flat()).size, alike.length)
})

t.test('a number also says what stood before, and fits the table', async t => {
  const [first, after] = [shapePairs(['Ann']), shapePairs(['@', 'Ann'])]
  t.not(first[0], after[1])
  t.strictSame(shapePairs([]), [])
  const signs = ['@', '#', 'www.a', '.', '1', 'A', 'AB', 'Ab', 'aB', 'ab']
  const all = signs.flatMap(before => signs.map(word => shapePairs([before, word])[1]!))
  t.equal(new Set(all).size, signs.length ** 2)
  t.ok(all.every(number => number >= 0 && number < PAIRS))
})
