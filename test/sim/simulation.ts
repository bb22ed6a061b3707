/**
 * Agreement under every fault that the world knows, over seeds that are the same on every machine; and the
 * proof that the checker notices broken rules. HACKING.md says how to replay a seed.
 */
import * as rules from '@gradmesh/consensus'
import t from 'tap'
import { adversaries } from '../adversaries/index.ts'
import { loadMutant, mutants } from './mutants.ts'
import { simulate } from './world.ts'

const SEEDS = 1_000
const MUTANT_SEEDS = 300

t.test(`${SEEDS} schedules keep every invariant and recover`, async t => {
  const startMs = performance.now()
  const seen = new Map<string, number>()
  const caught = new Map<string, number>()
  let height = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = simulate(seed, rules, adversaries)
    seen.set(outcome.adversary, (seen.get(outcome.adversary) ?? 0) + 1)
    if (outcome.accusations > 0) caught.set(outcome.adversary, (caught.get(outcome.adversary) ?? 0) + 1)
    height += outcome.height
    if (outcome.violation !== null)
      t.fail(`${outcome.violation}; replay: node test/sim/run.ts --seed ${seed}`)
  }
  const seconds = (performance.now() - startMs) / 1000
  t.comment(`${(SEEDS / seconds).toFixed(1)} schedules/s, ${(height / SEEDS).toFixed(2)} final blocks each`)
  for (const { name } of adversaries) t.ok((seen.get(name) ?? 0) > SEEDS / 20, `${name} took part`)
  for (const name of ['equivocator', 'double-voter', 'twin']) {
    t.ok(
      caught.get(name)! > seen.get(name)! / 4,
      `${name} was convicted in ${caught.get(name)} of ${seen.get(name)}`
    )
  }
})

t.test('one seed is one history', async t => {
  for (const seed of [7, 77, 777]) {
    t.strictSame(simulate(seed, rules, adversaries), simulate(seed, rules, adversaries))
  }
  t.not(simulate(1, rules, adversaries).trace, simulate(2, rules, adversaries).trace)
})

t.test('broken rules are caught', async t => {
  for (const mutant of mutants) {
    const broken = await loadMutant(mutant)
    let seed = 1
    while (seed <= MUTANT_SEEDS && simulate(seed, broken, adversaries).violation === null) seed++
    t.ok(seed <= MUTANT_SEEDS, `${mutant.name} is caught by seed ${seed}`)
  }
})
