/** As mutants.ts, for the rules of epochs, forks and restored keys, whose judges are tests and need no seed. */
import t from 'tap'
import { epochMutants } from './mutants/epochs.ts'
import { openBench } from './mutants/judge.ts'

t.setTimeout(300_000)

t.test('every mutant of the epochs is killed', async t => {
  const bench = openBench()
  t.teardown(() => bench.close())
  for (const mutant of epochMutants) {
    const { killed, by } = bench.judge(mutant, undefined, 1)
    t.ok(killed, `${mutant.name}: ${by}; see npm run sim:mutants -- --only ${mutant.name}`)
  }
})
