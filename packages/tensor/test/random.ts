/** Philox against the known answers of its authors (Random123), and the rate of dropout. */
import t from 'tap'
import { dropoutScalars, keeps } from '../src/kernels/dropout.ts'
import { philox } from '../src/random.ts'

t.test('known answers', async t => {
  const ones = 0xffffffff
  t.strictSame(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  t.strictSame(
    philox([ones, ones, ones, ones], [ones, ones]),
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
  )
  t.strictSame(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
  )
})

t.test('dropout drops at its rate and repeats itself', async t => {
  const scalars = dropoutScalars({ rate: 0.25, seed: 2 ** 40 + 7, step: 3 })
  const mask = Array.from({ length: 40_000 }, (_, i) => keeps(scalars, i))
  const kept = mask.filter(keep => keep).length
  // Four standard deviations.
  t.ok(Math.abs(kept - 30_000) < 4 * Math.sqrt(40_000 * 0.25 * 0.75), `${kept} kept`)
  t.strictSame(
    mask.slice(0, 100),
    Array.from({ length: 100 }, (_, i) => keeps(scalars, i))
  )
  const later = dropoutScalars({ rate: 0.25, seed: 2 ** 40 + 7, step: 4 })
  t.ok(mask.some((keep, i) => keep !== keeps(later, i)))
})
