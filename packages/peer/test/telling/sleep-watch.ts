import fc from 'fast-check'
import t from 'tap'
import { SleepWatch } from '../../src/telling/sleep-watch.ts'

t.test('a stopped process and a closed lid are noticed, a busy machine and a set clock are not', async t => {
  const watch = new SleepWatch(1000, 0, 1_000_000)
  t.equal(watch.beat(1000, 1_001_000), null)
  t.equal(watch.beat(6000, 1_006_000), null, 'five seconds late: busy')
  t.equal(watch.beat(68_000, 1_068_000), 61, 'SIGSTOP: both clocks went on')
  t.equal(watch.beat(69_000, 1_129_000), 60, 'a closed lid: only the one on the wall did')
  t.equal(watch.beat(70_000, 900_000), null, 'the clock was set back')
  t.equal(watch.beat(71_000, 901_000), null)
})

t.test('beats that come in time never count as sleep', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 900, max: 8000 }), { maxLength: 50 }), gaps => {
      const watch = new SleepWatch(1000, 0, 0)
      let now = 0
      return gaps.every(gap => {
        now += gap
        return watch.beat(now, now) === null
      })
    })
  )
})
