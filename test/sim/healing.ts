/**
 * After a misfortune of one or three of seven peers the vote goes on soon, whatever the peers have come to think of
 * the network's delay. `npm run chaos` shows the same of real processes, which also have to start.
 */
import * as rules from '@gradmesh/consensus'
import t from 'tap'
import { type Healing, healings } from './healing-world.ts'

const SEEDS = 60
const MISFORTUNES = 25
/** With some seconds to start in, ten in all. */
const MS_MAX = 6_500

t.setTimeout(300_000)

t.test(`${MISFORTUNES} misfortunes in each of ${SEEDS} meshes heal within ${MS_MAX} ms`, async t => {
  const all: Healing[] = []
  for (let seed = 1; seed <= SEEDS; seed++) all.push(...healings(seed, MISFORTUNES, rules))
  const slowest = all.reduce((a, b) => (b.ms > a.ms ? b : a))
  t.comment(`the slowest: ${JSON.stringify(slowest)}`)
  t.strictSame(
    all.filter(({ ms }) => ms > MS_MAX),
    []
  )
})
