/** `npm run sim:mutants`: see the usage below. */
import { parseArgs } from 'node:util'
import { mutants } from './index.ts'
import { openBench, type Verdict } from './judge.ts'
import { readKillers, writeKillers } from './killers.ts'

const USAGE = `npm run sim:mutants -- [options]      small wrong changes, every one of which must be noticed

  --schedules N      how many schedules a mutant may survive before it counts as a survivor (default 1000)
  --only NAMES       some mutants alone, by name
  --fresh            forget which seed killed what, search from seed 1
  --json             the verdicts as JSON, and nothing else
  --help

The last line is {mutants, survived}. Exit 1: somebody survived.
Seeds that killed are kept in test/sim/mutants/killers.json and tried first next time.
`

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000' },
    only: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const main = (): void => {
  const names = values.only?.split(',')
  const chosen = mutants.filter(({ name }) => names?.includes(name) ?? true)
  const killers = readKillers()
  const verdicts: Verdict[] = []
  const bench = openBench()
  try {
    for (const mutant of chosen) {
      const known = values.fresh ? undefined : killers[mutant.name]
      const verdict = bench.judge(mutant, known, Number(values.schedules))
      verdicts.push(verdict)
      if (verdict.seed !== null) killers[mutant.name] = verdict.seed
      if (values.json) continue
      const { name, killed, seed, by, seconds } = verdict
      console.log(
        `${killed ? 'killed  ' : 'SURVIVED'} ${name} (${seed === null ? '' : `seed ${seed}, `}${seconds} s): ${by}`
      )
    }
  } finally {
    bench.close()
  }
  writeKillers(killers)
  const survivors = verdicts.filter(({ killed }) => !killed)
  if (values.json) console.log(JSON.stringify(verdicts))
  console.log(JSON.stringify({ mutants: verdicts.length, survived: survivors.length }))
  process.exitCode = survivors.length === 0 ? 0 : 1
}

if (values.help) console.log(USAGE)
else main()
