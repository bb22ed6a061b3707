import t from 'tap'
import { Prng } from '../src/index.ts'

/** Committed: whoever changes the generator changes every mesh. */
const VECTOR = [1703086328, 964721275, 1993298989, 809513274]

t.test('a seed gives the same numbers for ever', async t => {
  const prng = new Prng('vector')
  t.strictSame(
    Array.from({ length: 4 }, () => prng.u32()),
    VECTOR
  )
  t.not(new Prng(1).u32(), new Prng(2).u32())
  t.equal(new Prng(7).u32(), new Prng(Uint8Array.of(7, 0, 0, 0)).u32(), 'a number stands for its four bytes')
})

t.test('below is uniform: chi-squared over 13 cells stays under the 0.1 % limit', async t => {
  const prng = new Prng('uniform')
  const counts = new Uint32Array(13)
  const draws = 130_000
  for (let i = 0; i < draws; i++) counts[prng.below(13)]!++
  const expected = draws / 13
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.ok(chi < 32.9, `chi-squared ${chi.toFixed(1)}, 12 degrees of freedom`)
  t.equal(prng.below(1), 0)
})

t.test('shuffle permutes, pick picks, bytes have their length', async t => {
  const prng = new Prng('shuffle')
  const items = Array.from({ length: 100 }, (_, i) => i)
  const shuffled = prng.shuffle([...items])
  t.notSame(shuffled, items)
  t.strictSame(
    shuffled.toSorted((a, b) => a - b),
    items
  )
  t.ok(items.includes(prng.pick(items)))
  t.equal(prng.bytes(33).length, 33)
  let hits = 0
  for (let i = 0; i < 10_000; i++) if (prng.oneIn(10)) hits++
  t.ok(hits > 850 && hits < 1150, `${hits} of 10,000 one-in-ten draws`)
})
