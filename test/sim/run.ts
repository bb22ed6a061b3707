/**
 * Replays seeds: `node test/sim/run.ts --seed N`, or `--from A --to B` for many. Prints one line of JSON
 * a seed when there are few, and only violations and a total when there are many.
 */
import { parseArgs } from 'node:util'
import * as rules from '@gradmesh/consensus'
import { adversaries } from '../adversaries/index.ts'
import { loadMutant, mutants } from './mutants.ts'
import { simulate } from './world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '1000' },
    mutant: { type: 'string' }
  }
})
const from = Number(values.seed ?? values.from)
const to = Number(values.seed ?? values.to)
const mutant = mutants.find(({ name }) => name === values.mutant)
const tested = mutant === undefined ? rules : await loadMutant(mutant)

const startMs = performance.now()
let violations = 0
let height = 0
for (let seed = from; seed <= to; seed++) {
  const outcome = simulate(seed, tested, adversaries)
  if (outcome.violation !== null) violations++
  height += outcome.height
  if (outcome.violation !== null || to - from < 10) console.log(JSON.stringify(outcome))
}
const seconds = (performance.now() - startMs) / 1000
const count = to - from + 1
console.log(
  JSON.stringify({
    schedules: count,
    violations,
    finalBlocksEach: Number((height / count).toFixed(2)),
    seconds: Number(seconds.toFixed(2)),
    perSecond: Number((count / seconds).toFixed(1))
  })
)
process.exitCode = violations === 0 ? 0 : 1
