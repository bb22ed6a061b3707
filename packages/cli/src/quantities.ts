/** Shares, amounts and hours as people write them. Undefined is "that is none". */
import { DAY_MINUTES, type HourRange } from '@gradmesh/peer'

/** `50%` is 0.5; above 0, to 1. */
export const readShare = (text: string): number | undefined => {
  const match = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(text.trim())
  const percent = Number(match?.[1] ?? 0)
  return percent > 0 && percent <= 100 ? percent / 100 : undefined
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40
}

/** `2GiB`, `500 MB`; bytes, at least one. */
export const readBytes = (text: string): number | undefined => {
  const match = /^(\d{1,15}(?:\.\d+)?) ?([a-z]{1,3})$/i.exec(text.trim())
  const unit = UNITS[match?.[2]?.toLowerCase() ?? '']
  if (match === null || unit === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * unit)
  return bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined
}

/** Lines are sold in bits. */
const BITS: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 }

/** `1MiB/s`, `8Mbit/s`; bytes per second. */
export const readRate = (text: string): number | undefined => {
  const amount = /^(.+)\/s$/.exec(text.trim())?.[1]?.trim()
  if (amount === undefined) return undefined
  const match = /^(\d{1,9}(?:\.\d+)?) ?([kmg]bit)$/i.exec(amount)
  if (match === null) return readBytes(amount)
  const bytes = Math.round((Number(match[1]) * BITS[match[2]!.toLowerCase()]!) / 8)
  return bytes >= 1 ? bytes : undefined
}

/** `22-7`, `22:30-7`; `0-24` is the whole day. */
export const readHours = (text: string): HourRange | undefined => {
  const match = /^(\d{1,2})(?::(\d\d))? ?- ?(\d{1,2})(?::(\d\d))?$/.exec(text.trim())
  if (match === null) return undefined
  const from = minuteOf(match[1], match[2])
  const to = minuteOf(match[3], match[4])
  if (from === undefined || to === undefined || from === to || from === DAY_MINUTES) return undefined
  return { from, to }
}

const minuteOf = (hour = '', minute = '00'): number | undefined => {
  const all = 60 * Number(hour) + Number(minute)
  return Number(minute) < 60 && all <= DAY_MINUTES ? all : undefined
}
