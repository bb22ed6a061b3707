import fc from 'fast-check'
import t from 'tap'
import { cleanLabel } from '../src/label.ts'

t.test('names stay, tricks go', async t => {
  t.equal(cleanLabel('attic'), 'attic')
  t.equal(cleanLabel('  Zoë’s  laptop 🦊 '), 'Zoë’s laptop 🦊')
  t.equal(cleanLabel('愛の計算機'), '愛の計算機')
  t.equal(cleanLabel('a\u001b[2J\u001b]0;owned\u0007b'), 'a[2J]0;ownedb', 'a terminal obeys nothing of it')
  t.equal(cleanLabel('safe\u202eexe.evil'), 'safeexe.evil', 'no text runs backwards')
  t.equal(cleanLabel('pe\u200ber\u2066-0\u2069'), 'peer-0', 'no look-alike by invisible letters')
  t.equal(cleanLabel('two\nlines\u2028three'), 'twolinesthree')
  t.equal(cleanLabel(`e${'\u0301'.repeat(40)}`).length, 4)
  t.equal(cleanLabel('x'.repeat(500)), 'x'.repeat(32))
})

t.test('whatever comes, what is shown is bounded, harmless and stays as it is', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), text => {
      const clean = cleanLabel(text)
      return [...clean].length <= 32 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(clean) && cleanLabel(clean) === clean
    }),
    { numRuns: 2000 }
  )
})
