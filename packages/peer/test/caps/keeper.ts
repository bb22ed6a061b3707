import { type Logger, silentLogger } from '@gradmesh/core'
import t from 'tap'
import { noCaps } from '../../src/caps/caps.ts'
import { CapKeeper } from '../../src/caps/keeper.ts'

const heard = () => {
  const lines: string[] = []
  const log: Logger = {
    ...silentLogger,
    info: (fields, message) => void lines.push(`info ${message} ${JSON.stringify(fields)}`),
    warn: (fields, message) => void lines.push(`warn ${message} ${JSON.stringify(fields)}`)
  }
  return { lines, log }
}

t.test('it trains in its hours only, and says when it pauses and goes on', async t => {
  const { lines, log } = heard()
  let changes = 0
  const keeper = new CapKeeper({
    caps: { ...noCaps, hours: [{ from: 22 * 60, to: 7 * 60 }] },
    log,
    residentBytes: () => 0,
    shed: () => t.fail('nothing to shed'),
    timeZone: 'Europe/Berlin'
  })
  keeper.onChange = () => changes++
  let trainedMinutes = 0
  const start = Date.parse('2026-10-24T10:00:00Z')
  for (let at = start; at < start + 48 * 3_600_000; at += 60_000) {
    keeper.tick(at - start, at)
    if (keeper.pause === null) trainedMinutes++
  }
  t.equal(trainedMinutes, 19 * 60, 'ten hours in the night that repeats one, nine in the next')
  t.equal(changes, 5)
  t.equal(lines.length, 5)
  t.match(
    lines[0],
    'info training pauses outside its hours; following and voting go on {"hours":"22:00-07:00","until":"22:00"}'
  )
  t.match(lines[1], 'info training goes on: its hours have begun {"hours":"22:00-07:00","until":"07:00"}')
  t.equal(keeper.pause, 'outside the hours 22:00-07:00, until 22:00')
})

t.test('memory above the cap pauses training whatever the hour', async t => {
  const { lines, log } = heard()
  let resident = 500
  let shed = 0
  const keeper = new CapKeeper({
    caps: { ...noCaps, memoryBytes: 1000 },
    log,
    residentBytes: () => resident,
    shed: () => shed++
  })
  keeper.tick(0, 0)
  t.equal(keeper.pause, null)
  resident = 1100
  keeper.tick(1000, 0)
  t.equal(shed, 1)
  t.match(keeper.pause, /more memory than its cap/)
  t.ok(keeper.isPausedFor('memory'))
  resident = 400
  keeper.tick(70_000, 0)
  t.equal(keeper.pause, null)
  t.equal(lines.length, 2)
  t.match(lines[0], /^warn training pauses.*"residentBytes":1100,"capBytes":1000/)
  t.match(lines[1], /^info training goes on/)
})
