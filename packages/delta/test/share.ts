import fc from 'fast-check'
import t from 'tap'
import { shareExact, shareWeights } from '../src/share.ts'

t.test('largest remainder, then the order given', async t => {
  t.strictSame(shareWeights([1, 1, 1]), [21_846, 21_845, 21_845])
  t.strictSame(shareWeights([5, 3, 1], 10), [6, 3, 1], '5.56, 3.33, 1.11')
  t.strictSame(shareWeights([1, 2], 1), [0, 1])
  t.strictSame(shareWeights([0, 7, 0]), [0, 65_536, 0])
  t.strictSame(shareWeights([0, 0]), [0, 0])
  t.strictSame(shareWeights([]), [])
  t.strictSame(shareExact(100n, [1n, 1n, 1n]), [34n, 33n, 33n])
  t.throws(() => shareExact(1n, [-1n, 2n]), { code: 'INVARIANT' })
})

t.test('shares sum to the total, none is off by one or more, equals differ by one at most', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 64 }), fc.nat(2 ** 20), (steps, total) => {
      const sum = steps.reduce((a, b) => a + b, 0)
      const shares = shareWeights(steps, total)
      if (sum === 0) return shares.every(share => share === 0)
      return (
        shares.reduce((a, b) => a + b, 0) === total &&
        shares.every(
          (share, i) => Math.abs(share * sum - total * steps[i]!) < sum && (steps[i] !== 0 || share === 0)
        )
      )
    })
  )
})
