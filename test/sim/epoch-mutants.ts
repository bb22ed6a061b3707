/** As mutants.ts, for the rules of epochs, forks and restored keys. */
import t from 'tap'
import { epochMutants } from './mutants/epochs.ts'
import { openBench } from './mutants/judge.ts'
import { readKillers } from './mutants/killers.ts'

const SCHEDULES = 1_000

t.setTimeout(300_000)

const killers = readKillers()

t.test('every mutant of the epochs is killed', async t => {
  const bench = openBench()
  t.teardown(() => bench.close())
  for (const mutant of epochMutants) {
    const { killed, by } = bench.judge(mutant, killers[mutant.name], SCHEDULES)
    t.ok(killed, `${mutant.name}: ${by}; see npm run sim:mutants -- --only ${mutant.name}`)
  }
})
