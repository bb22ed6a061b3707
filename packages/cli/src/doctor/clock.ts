import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { attention, type Check, good } from './checks.ts'

/** Built later than this; a clock before it is wrong. */
const RELEASED = Date.UTC(2025, 0, 1)

/** Rounds need no wall clock; tickets do, and a clock that nobody sets drifts out of their twelve hours. */
export const checkClock = async (): Promise<Check> => {
  const now = new Date()
  const shown = now.toISOString().replace('T', ' ').slice(0, 16)
  if (now.getTime() < RELEASED)
    return attention('clock', `it shows ${shown} UTC, which is past`, 'set the clock; tickets expire by it')
  const synchronised = await promisify(execFile)(
    'timedatectl',
    ['show', '--property=NTPSynchronized', '--value'],
    { timeout: 3000 }
  ).then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown'
  )
  if (synchronised === 'no')
    return attention(
      'clock',
      `${shown} UTC, not synchronised`,
      'turn on time synchronisation: timedatectl set-ntp true'
    )
  return good('clock', `${shown} UTC${synchronised === 'yes' ? ', synchronised' : ''}`)
}
