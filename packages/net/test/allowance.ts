import t from 'tap'
import { Allowance } from '../src/libp2p/allowance.ts'

t.test('a burst is free, more waits, and each peer has its own', async t => {
  let nowMs = 0
  const allowance = new Allowance({ perSecond: 1000, burst: 5000 }, { nowMs: () => nowMs })
  t.equal(allowance.take('a', 5000), 0)
  t.equal(allowance.take('a', 2000), 2000, 'two seconds of debt')
  t.equal(allowance.take('b', 100), 0)
  nowMs += 3000
  t.equal(allowance.take('a', 1000), 0, 'the debt is paid, and one second is left')
  t.equal(allowance.take('a', 500), 500)
  t.equal(allowance.taken, 8600)
})
