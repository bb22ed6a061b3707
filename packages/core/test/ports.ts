import t from 'tap'
import { pause, silentLogger, silentMetrics, systemClock } from '../src/index.ts'

t.test('the system clock goes forward and knows the date', async t => {
  const before = systemClock.nowMs()
  t.ok(systemClock.nowMs() >= before)
  t.ok(systemClock.wallMs() > Date.UTC(2026, 0, 1))
})

t.test('the silent twins take everything and say nothing', async t => {
  const { child, ...levels } = silentLogger
  for (const log of Object.values(levels)) t.equal(log({ a: 1 }, 'message'), undefined)
  t.equal(child({}), silentLogger)
  t.equal(silentMetrics.count('a_total'), undefined)
  t.equal(silentMetrics.gauge('b', 1), undefined)
  t.equal(silentMetrics.observe('c_seconds', 1), undefined)
})

t.test('a timer runs once, or never when it was called off', async t => {
  const ran: string[] = []
  const timer = systemClock.after(1, () => ran.push('cancelled'))
  timer.cancel()
  systemClock.after(1, () => ran.push('run'))
  t.strictSame(ran, [], 'never at once')
  await pause(systemClock, 5)
  t.strictSame(ran, ['run'])
  timer.cancel()
})
