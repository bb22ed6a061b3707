import fc from 'fast-check'
import t from 'tap'
import { changesAt, DAY_MINUTES, hoursText, isOpenAt, minuteOfDay } from '../../src/caps/hours.ts'

const night = [{ from: 22 * 60, to: 7 * 60 }]
const range = fc
  .tuple(fc.integer({ min: 0, max: DAY_MINUTES - 1 }), fc.integer({ min: 0, max: DAY_MINUTES }))
  .filter(([from, to]) => from !== to)
  .map(([from, to]) => ({ from, to }))
const ranges = fc.array(range, { minLength: 1, maxLength: 4 })
const minute = fc.integer({ min: 0, max: DAY_MINUTES - 1 })

t.test('a night across midnight', async t => {
  for (const [hour, open] of [
    [21, false],
    [22, true],
    [23, true],
    [0, true],
    [6, true],
    [7, false],
    [12, false]
  ] as const)
    t.equal(isOpenAt(night, 60 * hour), open, `${hour} o'clock`)
  t.equal(isOpenAt([], 720), true, 'no range, no limit')
  t.equal(changesAt(night, 720), 22 * 60)
  t.equal(changesAt(night, 0), 7 * 60)
  t.equal(changesAt([{ from: 0, to: DAY_MINUTES }], 5), null)
  t.equal(hoursText([...night, { from: 750, to: 840 }]), '22:00-07:00,12:30-14:00')
})

t.test('several ranges are open where any is, minute by minute', async () => {
  /** The meaning, by walking the clock's hand from `from` to `to`. */
  const walked = ({ from, to }: { from: number; to: number }): Set<number> => {
    const open = new Set<number>()
    for (let at = from; at !== to % DAY_MINUTES; at = (at + 1) % DAY_MINUTES) open.add(at)
    return open.size === 0 ? new Set(Array.from({ length: DAY_MINUTES }, (_, i) => i)) : open
  }
  fc.assert(
    fc.property(ranges, minute, (all, at) => isOpenAt(all, at) === all.some(each => walked(each).has(at))),
    { numRuns: 200 }
  )
})

t.test('until the change that is told nothing changes, and then it does', async () => {
  fc.assert(
    fc.property(ranges, minute, (all, at) => {
      const now = isOpenAt(all, at)
      const change = changesAt(all, at)
      const last = change ?? at
      for (let each = (at + 1) % DAY_MINUTES; each !== last; each = (each + 1) % DAY_MINUTES)
        if (isOpenAt(all, each) !== now) return false
      return change === null || isOpenAt(all, change) !== now
    }),
    { numRuns: 300 }
  )
})

const HOUR_MS = 3_600_000
/** Hours of training in the night that begins at this noon. */
const trainedHours = (noon: string, zone: string): number => {
  const start = Date.parse(noon)
  let minutes = 0
  for (let at = start; at < start + 24 * HOUR_MS; at += 60_000)
    if (isOpenAt(night, minuteOfDay(at, zone))) minutes++
  return minutes / 60
}

t.test('the wall clock counts where daylight saving skips and repeats an hour', async t => {
  t.equal(minuteOfDay(Date.parse('2026-07-01T22:15:00Z'), 'Europe/Berlin'), 15, 'a quarter past midnight')
  t.equal(trainedHours('2026-03-28T11:00:00Z', 'Europe/Berlin'), 8, 'an hour is skipped in March')
  t.equal(trainedHours('2026-10-24T10:00:00Z', 'Europe/Berlin'), 10, 'one is repeated in October')
  t.equal(trainedHours('2026-06-10T10:00:00Z', 'Europe/Berlin'), 9)
  t.equal(trainedHours('2026-03-28T11:00:00Z', 'Asia/Kolkata'), 9, 'half-hour zones, no daylight saving')
})

t.test('whatever the zone and the instant, it is open when the clock on the wall says so', async () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC']
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-01-01') }),
      (zone, at) => {
        const shown = new Date(at).toLocaleTimeString('en-GB', { timeZone: zone })
        const [hour = 0] = shown.split(':').map(Number)
        return isOpenAt(night, minuteOfDay(at, zone)) === (hour >= 22 || hour < 7)
      }
    )
  )
})
