import t from 'tap'
import { BusyShare } from '../../src/training/busy-share.ts'

t.test('the share of the last minute', async t => {
  let now = 1000
  const busy = new BusyShare({ nowMs: () => now })
  t.equal(busy.share(), 0, 'no time has passed')
  now += 10_000
  busy.worked(4)
  t.equal(busy.share(), 0.4, 'younger than a minute: of its life')
  now += 90_000
  t.equal(busy.share(), 0, 'older work is forgotten')
  busy.worked(120)
  t.equal(busy.share(), 1, 'only what lies within the minute counts')
  now += 30_000
  busy.worked(15)
  t.equal(busy.share(), 0.75)
})
