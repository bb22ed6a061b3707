import fc from 'fast-check'
import t from 'tap'
import { decodeScale, EXPONENT_MAX, encodeScale, nearestScale, SCALE_MAX } from '../src/scale.ts'

t.test('of all 65,536 codes each is refused or the only one of its value', async t => {
  const seen = new Set<number>()
  for (let code = 0; code < 65_536; code++) {
    const scale = decodeScale(code)
    if (scale === undefined) continue
    if (seen.has(scale) || encodeScale(scale) !== code) t.fail(`code ${code} is not unique`)
    seen.add(scale)
  }
  t.equal(seen.size, 2048 + EXPONENT_MAX * 1024)
  t.equal(Math.max(...seen), SCALE_MAX)
  t.ok(3 * SCALE_MAX < 2 ** 31)
})

t.test('numbers that are no scale', async t => {
  for (const value of [2049, 4097, SCALE_MAX + 1, SCALE_MAX - 1, 2 ** 32 - 1])
    t.equal(encodeScale(value), undefined)
  t.equal(decodeScale((19 << 11) | 1024), undefined)
  t.equal(decodeScale((1 << 11) | 1023), undefined)
})

t.test('the nearest scale is a scale, and none is nearer', async t => {
  const all = Array.from({ length: 65_536 }, (_, code) => decodeScale(code)).filter(s => s !== undefined)
  all.sort((a, b) => a - b)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (shift, wide) => {
      const value = wide >>> shift
      const scale = nearestScale(value)
      let nearest = all[0]!
      for (const s of all) if (Math.abs(s - value) <= Math.abs(nearest - value)) nearest = s
      return encodeScale(scale) !== undefined && Math.abs(scale - value) === Math.abs(nearest - value)
    }),
    { numRuns: 200 }
  )
  t.equal(nearestScale(2 ** 32 - 1), SCALE_MAX)
})
