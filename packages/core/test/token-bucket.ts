import fc from 'fast-check'
import t from 'tap'
import { TokenBucket } from '../src/token-bucket.ts'

t.test('a burst is free, what is overdrawn is waited for, time forgives', async t => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 50 }, 1000)
  t.equal(bucket.take(50, 1000), 0)
  t.equal(bucket.take(10, 1000), 100)
  t.equal(bucket.waitMs(1060), 40)
  t.equal(bucket.take(50, 60_000), 0, 'a long rest fills it, and no more than that')
  t.equal(bucket.take(1, 60_000), 10)
})

t.test('whoever waits as told never takes more than the burst and the rate allow', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.array(fc.record({ tokens: fc.nat(5000), idleMs: fc.nat(3000) }), { minLength: 1, maxLength: 60 }),
      (perSecond, burst, work) => {
        const bucket = new TokenBucket({ perSecond, burst }, 0)
        const taken: { atMs: number; tokens: number }[] = []
        let now = 0
        for (const { tokens, idleMs } of work) {
          taken.push({ atMs: now, tokens })
          now += bucket.take(tokens, now) + idleMs
        }
        for (const [i, first] of taken.entries()) {
          let sum = 0
          for (const { atMs, tokens } of taken.slice(i)) {
            // The newest take alone may lie beyond: it is waited for afterwards.
            if (sum > burst + (perSecond * (atMs - first.atMs)) / 1000 + 1e-6) return false
            sum += tokens
          }
        }
        return true
      }
    )
  )
})
