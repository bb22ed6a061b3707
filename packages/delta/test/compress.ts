import fc from 'fast-check'
import t from 'tap'
import { compress, debit } from '../src/compress.ts'
import { keptOf, makeLayout, paddedLength } from '../src/layout.ts'
import { decodeScale, SCALE_MAX } from '../src/scale.ts'
import type { Delta, Layout } from '../src/types.ts'
import { randomValues, smallLayout } from './fixtures/values.ts'

const one = makeLayout([{ name: 'a', length: 6 }], { chunk: 8, keep: 2 })
const zeros = (layout: Layout): Int32Array => new Int32Array(paddedLength(layout))
const padded = (...values: number[]): Int32Array => {
  const array = zeros(one)
  array.set(values)
  return array
}

t.test('E = floor(decay * EF / 256) + pseudo, as BigInt says it', async t => {
  const bounds = { min: -(2 ** 31), max: 2 ** 31 - 1 }
  fc.assert(
    fc.property(fc.integer(bounds), fc.integer(bounds), fc.integer({ min: 0, max: 256 }), (e, p, decay) => {
      const product = BigInt(e) * BigInt(decay)
      const floored = (product - (((product % 256n) + 256n) % 256n)) / 256n
      const sum = floored + BigInt(p)
      const want = sum > 2n ** 31n - 1n ? 2 ** 31 - 1 : sum < -(2n ** 31n) ? -(2 ** 31) : Number(sum)
      return compress(one, padded(p), padded(e), decay).accumulated[0] === want
    }),
    { numRuns: 2000 }
  )
  t.equal(compress(one, padded(0), padded(-1)).accumulated[0], -1, 'floors, so -1 stays -1')
  t.equal(compress(one, padded(2 ** 31 - 1), padded(2 ** 31 - 1)).accumulated[0], 2 ** 31 - 1)
  t.equal(compress(one, padded(-(2 ** 31)), padded(-(2 ** 31))).accumulated[0], -(2 ** 31))
})

t.test('the largest magnitudes win, ties go to the lower index, indices rise', async t => {
  const pick = (...values: number[]) => [...compress(one, padded(...values), zeros(one)).delta.indices]
  t.strictSame(pick(1, -9, 3, 8, 0, 0), [1, 3])
  t.strictSame(pick(5, 5, 5, 5, 5, 5), [0, 1])
  t.strictSame(pick(1, 5, -5, 9, 5, 5), [1, 3])
  t.strictSame(pick(0, 0, 0, 0, 7, 0), [0, 4], 'a second entry is named though it is zero')
  t.strictSame(pick(0, -(2 ** 31), 2 ** 31 - 1, 0, 0, 2 ** 31 - 1), [1, 2])
  t.strictSame(pick(0, 0, 0, 0, 0, 0), [], 'nothing to say: scale 0')
})

t.test('the selection is that of a full sort', async t => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 31 }), (seed, bits) => {
      const values = randomValues(smallLayout, seed, bits)
      const { delta } = compress(smallLayout, values, zeros(smallLayout))
      for (let c = 0; c < smallLayout.chunks; c++) {
        if (delta.scales[c] === 0) continue
        const base = c * smallLayout.chunk
        const want = Array.from({ length: smallLayout.realLengths[c]! }, (_, i) => i)
          .sort((a, b) => Math.abs(values[base + b]!) - Math.abs(values[base + a]!) || a - b)
          .slice(0, keptOf(smallLayout, c))
          .sort((a, b) => a - b)
        t.strictSame([...delta.indices.subarray(delta.starts[c], delta.starts[c + 1])], want)
      }
    }),
    { numRuns: 60 }
  )
})

const squaredError = (magnitudes: number[], scale: number): bigint =>
  magnitudes.reduce((sum, v) => {
    const error = BigInt(v - scale * (v >= 2 * scale ? 3 : 1))
    return sum + error * error
  }, 0n)

/** Below it a scale's whole units are coarse: of 8 and 8 a third is 2.67, and 3 errs where 8 would not. */
const WHOLE_UNITS = 64
/** Above it a split's best scale may be none that the wire has: it is passed over, and the next best is taken. */
const WITHIN_SCALES = 2.5 * SCALE_MAX

t.test('no other scale is better by more than one part in a thousand', async t => {
  const scales = Array.from({ length: 65_536 }, (_, code) => decodeScale(code)).filter(s => s !== undefined)
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 8, max: 31 }), (seed, bits) => {
      const values = randomValues(one, seed, bits)
      const { delta } = compress(one, values, zeros(one))
      const magnitudes = [...delta.indices].map(i => Math.abs(values[i]!))
      const largest = Math.max(0, ...magnitudes)
      if (largest < WHOLE_UNITS || largest > WITHIN_SCALES) return
      const best = scales.reduce(
        (least, s) => {
          const error = squaredError(magnitudes, s)
          return error < least ? error : least
        },
        squaredError(magnitudes, delta.scales[0]!)
      )
      const total = squaredError(magnitudes, 0)
      t.ok((squaredError(magnitudes, delta.scales[0]!) - best) * 1000n <= total)
    }),
    { numRuns: 25 }
  )
})

const sent = (delta: Delta): bigint[] => [...delta.codes].map(code => BigInt(code) * BigInt(delta.scales[0]!))

t.test('debit leaves exactly what was not sent', async t => {
  const { delta, accumulated } = compress(one, padded(1000, -3, 400, 7, 0, 0), zeros(one))
  const before = new Int32Array(accumulated)
  const left = debit(accumulated, delta, one)
  t.strictSame(accumulated, before, 'its input is untouched')
  t.strictSame([...delta.indices], [0, 2])
  t.strictSame(BigInt(left[0]!) + sent(delta)[0]!, 1000n)
  t.strictSame(BigInt(left[2]!) + sent(delta)[1]!, 400n)
  t.strictSame([...left.subarray(3)], [7, 0, 0, 0, 0])
  // A delta that was not made from this buffer can push it over the edge: it saturates.
  const huge = compress(one, padded(-(2 ** 31), 2 ** 31 - 1), zeros(one)).delta
  const edge = debit(padded(2 ** 31 - 1, -(2 ** 31)), huge, one)
  t.strictSame([edge[0], edge[1]], [2 ** 31 - 1, -(2 ** 31)])
})

t.test('over rounds, sent plus kept is what came in (no decay, no saturation)', async t => {
  let error = zeros(smallLayout)
  const came = new Array<number>(error.length).fill(0)
  const went = new Array<number>(error.length).fill(0)
  for (let round = 0; round < 20; round++) {
    const pseudo = randomValues(smallLayout, `round ${round}`, 18)
    const { delta, accumulated } = compress(smallLayout, pseudo, error, 256)
    error = debit(accumulated, delta, smallLayout)
    for (let j = 0; j < came.length; j++) came[j]! += pseudo[j]!
    for (let c = 0; c < smallLayout.chunks; c++) {
      for (let at = delta.starts[c]!; at < delta.starts[c + 1]!; at++) {
        went[c * smallLayout.chunk + delta.indices[at]!]! += delta.codes[at]! * delta.scales[c]!
      }
    }
  }
  t.strictSame(
    went.map((value, j) => value + error[j]!),
    came
  )
  t.ok(went.some(value => value !== 0))
})

t.test('arrays of another layout break an invariant', async t => {
  t.throws(() => compress(one, new Int32Array(6), zeros(one)), { code: 'INVARIANT' })
  t.throws(() => compress(one, zeros(one), zeros(one), 257), { code: 'INVARIANT' })
})
