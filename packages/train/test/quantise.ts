import fc from 'fast-check'
import t from 'tap'
import { floatView, quantise } from '../src/index.ts'

const one = (value: number): number => quantise(Float32Array.of(value)).values[0]!

t.test('the nearest unit of 2^-32, halves away from zero', async t => {
  t.equal(one(2 ** -32), 1)
  t.equal(one(2 ** -33), 1)
  t.equal(one(-(2 ** -33)), -1)
  t.equal(one(1.4999999 * 2 ** -32), 1)
  t.equal(one(2 ** -34), 0)
  t.equal(one(0.25), 2 ** 30)
  t.equal(one(-0.25), -(2 ** 30))
})

t.test('saturates at the ends of int32', async t => {
  t.equal(one(0.5), 2 ** 31 - 1)
  t.equal(one(3e38), 2 ** 31 - 1)
  t.equal(one(-0.5), -(2 ** 31))
  t.equal(one(-3e38), -(2 ** 31))
})

t.test('what is no number counts as 0 and is counted', async t => {
  const { values, notFinite } = quantise(
    Float32Array.of(Number.NaN, 1e-3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0)
  )
  t.equal(notFinite, 3)
  t.same([...values], [0, Math.round(Math.fround(1e-3) * 2 ** 32), 0, 0, 0])
})

t.test('never off by more than half a unit, odd, and never falling', async () => {
  const float = fc.float({ min: -0.5, max: Math.fround(0.49999997), noNaN: true })
  fc.assert(
    fc.property(float, float, (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a]
      return (
        Math.abs(one(a) - a * 2 ** 32) <= 0.5 &&
        (a === -0.5 || one(-a) === -one(a) + 0) &&
        one(low) <= one(high)
      )
    }),
    { numRuns: 2000 }
  )
})

t.test('the float view is the nearest f32 of each weight', async t => {
  const weights = Int32Array.of(0, 1, -1, 2 ** 24, 2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1, 123_456_789)
  t.same(
    [...floatView(weights)],
    [...weights].map(weight => Math.fround(weight * 2 ** -24))
  )
})
