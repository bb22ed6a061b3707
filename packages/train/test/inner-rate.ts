import t from 'tap'
import { innerRate } from '../src/index.ts'

t.test('rises over the warm-up, then stays', async t => {
  const plan = { innerRateMicro: 8000, warmupRounds: 3 }
  t.same(
    [0, 1, 2, 3, 4, 1000].map(round => innerRate(plan, round)),
    [0.002, 0.004, 0.006, 0.008, 0.008, 0.008]
  )
})

t.test('without warm-up the first round has the full rate', async t => {
  t.equal(innerRate({ innerRateMicro: 1_000_000, warmupRounds: 0 }, 0), 1)
})
