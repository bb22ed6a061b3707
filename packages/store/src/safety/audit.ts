/**
 * Walks every value of `safety/` and says what is damaged. That it agrees with the high-water file, and
 * that no promise is missing, is what `openSafety` finds; here it is about each value by itself.
 */
import { isFault, toHex } from '@gradmesh/core'
import { decodeVote } from '@gradmesh/wire'
import type { Database } from '../database.ts'
import { failureOf } from '../failures.ts'
import { numberAt } from '../keys.ts'
import { unseal } from '../sealed.ts'

export interface SafetyFinding {
  /** The promise it is about, for example `vote of slot 12`. */
  readonly where: string
  readonly what: string
}

type Numbered = 'slot' | 'round' | null

/** The name of what is kept under each letter, the length of its keys, and what the key's number counts. */
const KINDS: Readonly<Record<string, readonly [name: string, keyBytes: number, number: Numbered]>> = {
  k: ['key', 1, null],
  q: ['number of promises', 1, null],
  h: ['high-water slot', 1, null],
  f: ['newest final block', 1, null],
  p: ['pruning bounds', 1, null],
  s: ['facts', 5, 'slot'],
  v: ['vote', 6, 'slot'],
  o: ['own block', 5, 'slot'],
  d: ['own delta', 5, 'round']
}

const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) }

export const auditSafety = async (
  database: Database
): Promise<{ readonly values: number; readonly findings: readonly SafetyFinding[] }> => {
  const findings: SafetyFinding[] = []
  let values = 0
  try {
    for await (const [key, stored] of database.entries(EVERYTHING)) {
      values++
      const letter = String.fromCharCode(key[0]!)
      const kind = KINDS[letter]
      if (kind === undefined || kind[1] !== key.length) {
        findings.push({ where: `key ${toHex(key.subarray(0, 8))}`, what: 'nothing has such a key' })
        continue
      }
      const [name, , number] = kind
      const where = number === null ? name : `${name} of ${number} ${numberAt(key, 1)}`
      const value = unseal(key, stored)
      if (value === undefined) findings.push({ where, what: 'its bytes are not those that were written' })
      else if (letter === 'v' && !isVoteAt(key, value))
        findings.push({ where, what: 'it is not the vote that belongs here' })
    }
  } catch (error) {
    findings.push({ where: 'safety', what: failureOf(error, 'safety').message })
  }
  return { values, findings }
}

const isVoteAt = (key: Uint8Array, value: Uint8Array): boolean => {
  const vote = decodeVote(value)
  return !isFault(vote) && vote.slot === numberAt(key, 1) && vote.kind === key[5]
}
