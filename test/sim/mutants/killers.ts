/** Which seed killed which mutant last time: tried first, so that a judgement of all takes minutes. */
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('killers.json', import.meta.url)

export const readKillers = (): Record<string, number> =>
  JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, number>

export const writeKillers = (killers: Readonly<Record<string, number>>): void => {
  const sorted = Object.fromEntries(Object.entries(killers).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`)
}
