import fc from 'fast-check'
import t from 'tap'
import {
  bitmapCount,
  bitmapHas,
  bitmapIndices,
  bitmapOf,
  isBitmapOver,
  isMoreThanThird,
  isQuorum
} from '../src/index.ts'

t.test('exact at the edges, also past 2^53', async t => {
  t.notOk(isQuorum(2n, 3n))
  t.ok(isQuorum(3n, 4n))
  t.notOk(isMoreThanThird(1n, 3n))
  t.ok(isMoreThanThird(2n, 4n))
  t.notOk(isQuorum(0n, 0n))
  const third = 2n ** 62n
  t.notOk(isQuorum(2n * third, 3n * third))
  t.ok(isQuorum(2n * third + 1n, 3n * third))
  t.notOk(isMoreThanThird(third, 3n * third))
  t.ok(isMoreThanThird(third + 1n, 3n * third))
})

t.test('two quorums share more than a third; a quorum leaves no third over', async () => {
  const share = fc.bigInt(600n, 1_000n)
  fc.assert(
    fc.property(fc.bigInt(1n, 2n ** 64n), share, share, (total, x, y) => {
      const [a, b] = [(total * x) / 1_000n, (total * y) / 1_000n]
      if (!isQuorum(a, total) || !isQuorum(b, total)) return true
      return isMoreThanThird(a + b - total, total) && !isMoreThanThird(total - a, total)
    })
  )
})

t.test('bitmaps', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.array(fc.nat(299)), (length, indices) => {
      const set = [...new Set(indices.map(i => i % length))].sort((a, b) => a - b)
      const bitmap = bitmapOf(
        length,
        indices.map(i => i % length)
      )
      t.same(bitmapIndices(bitmap), set)
      t.equal(bitmapCount(bitmap), set.length)
      t.ok(isBitmapOver(bitmap, length))
      t.notOk(isBitmapOver(bitmap, length + 8))
      return Array.from({ length }, (_, i) => bitmapHas(bitmap, i) === set.includes(i)).every(Boolean)
    }),
    { numRuns: 50 }
  )
  t.same(bitmapOf(9, [0, 8]), Uint8Array.of(1, 1))
  t.notOk(isBitmapOver(Uint8Array.of(1, 2), 9), 'a spare bit')
  t.ok(isBitmapOver(new Uint8Array(0), 0))
  t.notOk(bitmapHas(Uint8Array.of(255), 8))
  t.throws(() => bitmapOf(8, [8]), { code: 'INVARIANT' })
  t.throws(() => bitmapOf(8, [-1]), { code: 'INVARIANT' })
})
