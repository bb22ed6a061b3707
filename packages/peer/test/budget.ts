import { systemClock } from '@gradmesh/core'
import t from 'tap'
import { Budget } from '../src/budget.ts'
import { REQUEST_BUDGET } from '../src/topics.ts'

t.test('a burst is free, a flood waits, time forgives', async t => {
  let now = 1000
  const budget = new Budget({ ...systemClock, nowMs: () => now }, REQUEST_BUDGET)
  let waited = 0
  for (let i = 0; i < 2048; i++) waited += budget.take('flooder', 1)
  t.equal(waited, 0)
  t.ok(budget.take('flooder', 512) >= 999, 'what is overdrawn by a second of work waits for a second')
  t.equal(budget.take('another', 2048), 0, 'others do not')
  now += 60_000
  t.equal(budget.take('flooder', 2048), 0)
})

t.test('what is remembered is bounded', async t => {
  const budget = new Budget({ ...systemClock, nowMs: () => 0 }, REQUEST_BUDGET)
  budget.take('first', 4096)
  t.ok(budget.take('first', 1) > 0)
  for (let i = 0; i < 1024; i++) budget.take(`peer ${i}`, 1)
  t.equal(budget.take('first', 1), 0, 'the one that asked longest ago is forgotten')
})
