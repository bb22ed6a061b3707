import { Prng } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { bestScale, OUTER_RATE_MAX_Q16, outerStep, stepOne } from '../src/exact.ts'
import { makeLayout, paddedLength } from '../src/layout.ts'
import { SCALE_MAX } from '../src/scale.ts'
import { shareWeights } from '../src/share.ts'
import type { Delta } from '../src/types.ts'
import { randomDelta, smallLayout } from './fixtures/values.ts'

const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b
const saturate = (value: bigint): number =>
  Number(value > 2n ** 31n - 1n ? 2n ** 31n - 1n : value < -(2n ** 31n) ? -(2n ** 31n) : value)

/** With BigInt: what the doubles must equal. */
const referenceStep = (
  weights: Int32Array,
  deltas: readonly { delta: Delta; weight: number }[],
  rate: number
): Int32Array => {
  const acc = Array.from(weights, () => 0n)
  for (const { delta, weight } of deltas) {
    for (let c = 0; c < smallLayout.chunks; c++) {
      for (let at = delta.starts[c]!; at < delta.starts[c + 1]!; at++) {
        acc[c * smallLayout.chunk + delta.indices[at]!]! +=
          BigInt(weight) * BigInt(delta.codes[at]!) * BigInt(delta.scales[c]!)
      }
    }
  }
  return weights.map((w, j) =>
    saturate(BigInt(w) - floorDivide(acc[j]! * BigInt(rate) + 2n ** 39n, 2n ** 40n))
  )
}

const randomWeights = (seed: string): Int32Array => {
  const prng = new Prng(seed)
  return Int32Array.from({ length: paddedLength(smallLayout) }, () => prng.u32() | 0)
}

const rounds = fc.record({
  seed: fc.string(),
  peers: fc.integer({ min: 1, max: 9 }),
  bits: fc.integer({ min: 8, max: 31 }),
  rate: fc.oneof(fc.constantFrom(0, 1, 65_536, OUTER_RATE_MAX_Q16), fc.integer({ min: 0, max: 2 ** 18 }))
})

t.test('the outer step is what BigInt says, in whatever order the deltas come', async t => {
  fc.assert(
    fc.property(rounds, ({ seed, peers, bits, rate }) => {
      const prng = new Prng(seed)
      const shares = shareWeights(Array.from({ length: peers }, () => 1 + prng.below(10)))
      const deltas = shares.map((weight, i) => ({
        delta: randomDelta(smallLayout, `${seed}/${i}`, bits),
        weight
      }))
      const weights = randomWeights(seed)
      const before = new Int32Array(weights)
      const stepped = outerStep(smallLayout, weights, deltas, rate)
      t.strictSame(weights, before, 'the base is untouched')
      t.strictSame(stepped, referenceStep(weights, deltas, rate))
      const shuffled = prng.shuffle([...deltas])
      t.strictSame(outerStep(smallLayout, weights, shuffled, rate), stepped)
    }),
    { numRuns: 60 }
  )
})

t.test('at rate 1 a sum is divided by 2^24 and rounded once', async t => {
  const sums = [2 ** 24, 2 ** 23, 2 ** 23 - 1, -(2 ** 23), -(2 ** 23) - 1, 0]
  t.strictSame(
    sums.map(sum => stepOne(0, sum, 65_536)),
    [-1, -1, 0, 0, 1, 0]
  )
})

t.test('weights saturate at both ends', async t => {
  const most = 3 * SCALE_MAX * 65_536
  const change = Math.floor((most + 2 ** 23) / 2 ** 24)
  t.equal(stepOne(2 ** 31 - 1, -most, 65_536), 2 ** 31 - 1)
  t.equal(stepOne(-(2 ** 31), most, 65_536), -(2 ** 31))
  t.equal(stepOne(2 ** 31 - 1, most, 65_536), 2 ** 31 - 1 - change)
  t.equal(stepOne(-(2 ** 31), -most, 65_536), -(2 ** 31) + change)
  t.ok(most < 2 ** 47, 'the bound that the split relies on')
})

t.test('the largest sum stays exact', async t => {
  const one = makeLayout([{ name: 'a', length: 1 }], { chunk: 1, keep: 1 })
  const delta = {
    starts: Uint32Array.of(0, 1),
    scales: Uint32Array.of(SCALE_MAX),
    indices: Uint16Array.of(0),
    codes: Int8Array.of(3)
  }
  const deltas = shareWeights(new Array(7).fill(1)).map(weight => ({ delta, weight }))
  const [stepped] = outerStep(one, new Int32Array(1), deltas, OUTER_RATE_MAX_Q16)
  const sum = 3n * BigInt(SCALE_MAX) * 65_536n * BigInt(OUTER_RATE_MAX_Q16)
  t.equal(stepped, saturate(-floorDivide(sum + 2n ** 39n, 2n ** 40n)))
})

t.test('a delta without weight changes nothing, a lone peer counts for its share only', async t => {
  const [first, second] = [randomDelta(smallLayout, 'a'), randomDelta(smallLayout, 'b')]
  const none = new Int32Array(paddedLength(smallLayout))
  const after = (...shares: readonly (readonly [Delta, number])[]): Int32Array =>
    outerStep(
      smallLayout,
      none,
      shares.map(([delta, weight]) => ({ delta, weight })),
      65_536
    )
  const alone = after([first, 65_536])
  t.strictSame(after([first, 65_536], [second, 0]), alone)
  t.ok(after([first, 16_384]).every((moved, j) => Math.abs(moved - alone[j]! / 4) <= 1))
  t.ok(alone.some(moved => Math.abs(moved) > 8))
})

t.test('frozen chunks stay', async t => {
  const delta = randomDelta(smallLayout, 'a')
  const weights = randomWeights('frozen')
  const deltas = [{ delta, weight: 65_536 }]
  const [free, held] = [false, true].map(isHeld =>
    outerStep(smallLayout, weights, deltas, 65_536, c => isHeld && c === 1)
  ) as [Int32Array, Int32Array]
  const { chunk } = smallLayout
  t.strictSame(held.slice(chunk, 2 * chunk), weights.slice(chunk, 2 * chunk))
  t.notSame(free.slice(chunk, 2 * chunk), weights.slice(chunk, 2 * chunk))
  t.strictSame(held.slice(2 * chunk), free.slice(2 * chunk))
  t.strictSame(held.slice(0, chunk), free.slice(0, chunk))
})

t.test('what callers must uphold', async t => {
  const delta = randomDelta(smallLayout, 'a')
  const weights = new Int32Array(paddedLength(smallLayout))
  const step = (rate: number, ...shares: readonly number[]): Int32Array =>
    outerStep(
      smallLayout,
      weights,
      shares.map(weight => ({ delta, weight })),
      rate
    )
  t.throws(() => step(1, 65_536, 1), { code: 'INVARIANT' })
  t.throws(() => step(1, -1), { code: 'INVARIANT' })
  t.throws(() => step(1, 0.5), { code: 'INVARIANT' })
  t.throws(() => step(2 ** 24 + 1, 1), { code: 'INVARIANT' })
  t.throws(() => outerStep(smallLayout, new Int32Array(1), [], 1), { code: 'INVARIANT' })
})

t.test('bestScale finds the least squared error of small numbers', async () => {
  const errorOf = (values: readonly number[], s: number): number =>
    values.reduce((sum, v) => sum + Math.min((v - s) ** 2, (v - 3 * s) ** 2), 0)
  fc.assert(
    fc.property(fc.array(fc.nat(999), { minLength: 1, maxLength: 64 }), values => {
      const falling = [...values].sort((a, b) => b - a)
      const found = errorOf(falling, bestScale(Uint32Array.from(falling)))
      let least = Number.POSITIVE_INFINITY
      for (let s = 0; s <= 1000; s++) least = Math.min(least, errorOf(falling, s))
      // Rounding s to a whole number can pick the neighbour of the best: off by at most d / 4.
      return found - least <= (9 * values.length) / 4
    })
  )
})

t.test('bestScale with the most entries and the largest values', async t => {
  t.equal(
    bestScale(new Uint32Array(4096).fill(2 ** 30)),
    Math.round(2 ** 30 / 3),
    'all 3: all 1 passes the limit'
  )
  t.equal(bestScale(new Uint32Array(4096).fill(2 ** 31)), SCALE_MAX, 'no scale is large enough')
  t.equal(bestScale(Uint32Array.of(0)), 0)
  t.equal(bestScale(Uint32Array.of(30, 10)), 10)
})
