import { systemClock } from '@gradmesh/core'
import t from 'tap'
import { Echoes } from '../src/echoes.ts'

t.test('the first of a while passes, whatever else is said in it', async t => {
  let now = 1000
  const echoes = new Echoes({ ...systemClock, nowMs: () => now }, 500)
  t.equal(echoes.isEcho('a vote'), false)
  t.equal(echoes.isEcho('a vote'), true)
  t.equal(echoes.isEcho('another'), false)
  now += 499
  t.equal(echoes.isEcho('a vote'), true)
  now += 1
  t.equal(echoes.isEcho('a vote'), false, 'echoes do not make the while longer')
  t.equal(echoes.isEcho('a vote'), true)
})

t.test('what is remembered is bounded', async t => {
  const echoes = new Echoes({ ...systemClock, nowMs: () => 0 }, 500)
  for (let i = 0; i <= 16_384; i++) echoes.isEcho(`vote ${i}`)
  t.equal(echoes.isEcho('vote 16384'), true)
  t.equal(echoes.isEcho('vote 0'), false, 'the oldest is forgotten')
})
