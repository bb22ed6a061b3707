/**
 * The hours in which a peer trains, as the clock on the wall shows them. What counts is that clock's
 * reading: where daylight saving skips or repeats an hour, `22-7` lasts eight or ten hours that night.
 */

/** Minutes of the day, 0 to 1440, `from` in and `to` out; a range whose end is before its start spans midnight. */
export interface HourRange {
  readonly from: number
  readonly to: number
}

export const DAY_MINUTES = 1440

/** @param minute of the day, 0 to 1439. No range at all is always open. */
export const isOpenAt = (ranges: readonly HourRange[], minute: number): boolean =>
  ranges.length === 0 ||
  ranges.some(({ from, to }) => (from < to ? minute >= from && minute < to : minute >= from || minute < to))

/** The next minute of the day at which `isOpenAt` changes its answer; null when it never does. */
export const changesAt = (ranges: readonly HourRange[], minute: number): number | null => {
  const now = isOpenAt(ranges, minute)
  for (let ahead = 1; ahead < DAY_MINUTES; ahead++) {
    const then = (minute + ahead) % DAY_MINUTES
    if (isOpenAt(ranges, then) !== now) return then
  }
  return null
}

/** Of the wall clock in a time zone (IANA name), or in this machine's. */
export const minuteOfDay = (wallMs: number, timeZone?: string): number => {
  const parts = new Intl.DateTimeFormat('en', {
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone })
  }).formatToParts(wallMs)
  const read = (type: string): number => Number(parts.find(part => part.type === type)?.value)
  return 60 * read('hour') + read('minute')
}

/** As `22:00`. */
export const clockText = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

/** As `22:00-07:00,12:30-14:00`. */
export const hoursText = (ranges: readonly HourRange[]): string =>
  ranges.map(({ from, to }) => `${clockText(from)}-${clockText(to)}`).join(',')
