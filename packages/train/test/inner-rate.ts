import t from 'tap'
import { cosineFall, fallen, innerRate, shareDone } from '../src/index.ts'

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

t.test('a task may have it fall over the rounds of a mesh that ends', async t => {
  const rates = [0, 1, 2, 3, 4, 9].map(round => fallen(8, { fall: cosineFall }, shareDone(round, 4)))
  t.strictSame(
    rates.map(rate => Number(rate.toFixed(2))),
    [8, 6.83, 4, 1.17, 0, 0]
  )
  t.equal(fallen(8, {}, shareDone(3, 4)), 8, 'not every task')
  t.equal(fallen(8, { fall: cosineFall }, shareDone(1000, null)), 8, 'nor a mesh without end')
})
