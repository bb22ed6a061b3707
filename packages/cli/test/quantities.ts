import { hoursText } from '@gradmesh/peer'
import fc from 'fast-check'
import t from 'tap'
import { readBytes, readHours, readRate, readShare } from '../src/quantities.ts'

t.test('what people write', async t => {
  t.equal(readShare('50%'), 0.5)
  t.equal(readShare('12.5 %'), 0.125)
  t.equal(readShare('100%'), 1)
  for (const text of ['0%', '101%', '50', '-5%', '%', '5e1%']) t.equal(readShare(text), undefined, text)
  t.equal(readBytes('2GiB'), 2 ** 31)
  t.equal(readBytes('1.5 MB'), 1_500_000)
  t.equal(readBytes('512mib'), 2 ** 29)
  for (const text of ['2', '0MiB', 'GiB', '2 XiB', '-1GiB', '9999999TiB'])
    t.equal(readBytes(text), undefined, text)
  t.equal(readRate('1MiB/s'), 2 ** 20)
  t.equal(readRate('8Mbit/s'), 1_000_000)
  for (const text of ['1MiB', '1MiB/h', 'Mbit/s', '0Mbit/s']) t.equal(readRate(text), undefined, text)
  t.strictSame(readHours('22-7'), { from: 1320, to: 420 })
  t.strictSame(readHours('0-24'), { from: 0, to: 1440 })
  for (const text of ['7-7', '24-7', '22', '25-3', '8:60-9', 'noon-1', '-1-5'])
    t.equal(readHours(text), undefined, text)
})

t.test('hours are read as they are shown', async () => {
  const minute = fc.integer({ min: 0, max: 1439 })
  fc.assert(
    fc.property(minute, fc.integer({ min: 0, max: 1440 }), (from, to) => {
      const read = readHours(hoursText([{ from, to }]))
      return from === to ? read === undefined : read?.from === from && read.to === to
    })
  )
})

t.test('any other text is none of them, and no reader throws', async () => {
  fc.assert(
    fc.property(fc.string(), text => {
      for (const read of [readShare, readBytes, readRate, readHours]) {
        const value = read(text)
        if (typeof value === 'number' && !(value > 0 && Number.isFinite(value))) return false
      }
      return true
    }),
    { numRuns: 500 }
  )
})
