/**
 * Small wrong changes must be noticed. Here every mutant meets the seed that killed it last time, and a search
 * if that one no longer does; `npm run sim:mutants -- --fresh` searches for all of them anew.
 */
import t from 'tap'
import { epochMutants } from './mutants/epochs.ts'
import { mutants } from './mutants/index.ts'
import { openBench } from './mutants/judge.ts'
import { readKillers } from './mutants/killers.ts'
import type { Mutant } from './mutants/types.ts'

const SCHEDULES = 1_000

t.setTimeout(900_000)

const killers = readKillers()

t.test('every mutant is killed', async t => {
  const bench = openBench()
  t.teardown(() => bench.close())
  t.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length, 'names are unique')
  // Those of the epochs have a test of their own: epoch-mutants.ts.
  for (const mutant of mutants.filter(each => !epochMutants.includes(each))) {
    const { killed, by } = bench.judge(mutant, killers[mutant.name], SCHEDULES)
    t.ok(killed, `${mutant.name}: ${by}; see npm run sim:mutants -- --only ${mutant.name}`)
  }
})

t.test('the sources as they are survive', async t => {
  const bench = openBench()
  t.teardown(() => bench.close())
  const same = (judge: Mutant['judge']) => bench.judge({ name: 'none', judge, edits: [] }, undefined, 3)
  t.notOk(same('consensus').killed)
  t.notOk(same('mesh').killed)
  t.notOk(same('packages/wire/test/evidence.ts').killed)
})
