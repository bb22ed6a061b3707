import t from 'tap'
import { HALF_LIFE_MS, REJECTIONS_MAX, Strikes } from '../src/strikes.ts'

const PEER = 'aa'.repeat(32)

t.test('the limit is exact, and forgiving takes about a half-life', async t => {
  let nowMs = 0
  const strikes = new Strikes({ nowMs: () => nowMs })
  for (let i = 0; i < REJECTIONS_MAX - 1; i++) strikes.add(PEER)
  t.notOk(strikes.isOut(PEER))
  strikes.add(PEER)
  t.ok(strikes.isOut(PEER))
  nowMs += HALF_LIFE_MS
  t.ok(strikes.isOut(PEER))
  nowMs += HALF_LIFE_MS / 2
  t.notOk(strikes.isOut(PEER))
  strikes.add(PEER)
  t.notOk(strikes.isOut(PEER), 'half of it is forgiven')
})

t.test('a few rejections spread over time never add up', async t => {
  let nowMs = 0
  const strikes = new Strikes({ nowMs: () => nowMs })
  for (let i = 0; i < 1000; i++) {
    strikes.add(PEER)
    nowMs += HALF_LIFE_MS / 2
  }
  t.notOk(strikes.isOut(PEER))
})

t.test('what is remembered is bounded; the last offenders stay', async t => {
  const strikes = new Strikes({ nowMs: () => 0 })
  strikes.expel('first')
  for (let i = 0; i < 5000; i++) strikes.expel(`peer ${i}`)
  t.notOk(strikes.isOut('first'))
  t.ok(strikes.isOut('peer 4999'))
})
