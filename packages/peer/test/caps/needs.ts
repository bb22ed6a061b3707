import t from 'tap'
import { noCaps } from '../../src/caps/caps.ts'
import { bytesPerRound, tightCaps } from '../../src/caps/needs.ts'

const digits = { deltaBytes: 4100, trainers: 4 }

t.test('four peers of the digits send and read about 41 KB a round, as measured', async t => {
  const bytes = bytesPerRound(digits)
  t.ok(bytes > 37_000 && bytes < 46_000, `${bytes}`)
  t.equal(bytesPerRound({ deltaBytes: 4100, trainers: 1 }), 4700)
})

t.test('a cap below what a round needs is named with figures, others are not', async t => {
  const caps = { ...noCaps, uploadBytesPerSecond: 10_000, downloadBytesPerSecond: 1e6 }
  const needed = bytesPerRound(digits)
  t.strictSame(tightCaps(caps, digits, 1500), [
    { cap: 'max-upload', bytesPerRound: needed, allowedBytes: 15_000, suggested: Math.ceil(needed / 1.5) }
  ])
  t.strictSame(tightCaps({ ...caps, uploadBytesPerSecond: Math.ceil(needed / 1.5) }, digits, 1500), [])
  t.strictSame(tightCaps(noCaps, digits, 1), [])
})
