/**
 * Whole simulated meshes by seed.
 *
 *     node test/sim/mesh/run.ts --seed 7                      one schedule: its plan and how it ended
 *     node test/sim/mesh/run.ts --seed 7 --without loss,crash:1
 *     node test/sim/mesh/run.ts --schedules 1000 --from 1     many; ends with one line of totals
 *     node test/sim/mesh/run.ts --schedules 10000 --from 1 --progress FILE     goes on where it was stopped
 *
 * A violation is printed with the command that replays it, made as small as it gets.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { planOf, runSchedule, shrink } from './simulate.ts'

const HELP = `node test/sim/mesh/run.ts [options]

  --schedules N     how many schedules to run (default 100)
  --from SEED       the first seed (default 1)
  --seed SEED       this one alone, with its plan
  --without A,B     leave these faults out of it, by their names in the plan
  --progress FILE   write down after every schedule how far it is, and go on from there
  --json            one line of JSON at the end and nothing else
  --help            this text
`

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    without: { type: 'string', default: '' },
    progress: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

interface Progress {
  readonly from: number
  /** Schedules done. */
  done: number
  readonly violations: { readonly seed: number; readonly violation: string; readonly replay: string }[]
  seconds: number
}

const say = (text: string): void => {
  if (!values.json) console.log(text)
}

const replayOf = (seed: number, without: readonly string[]): string =>
  `node test/sim/mesh/run.ts --seed ${seed}${without.length === 0 ? '' : ` --without ${without.join(',')}`}`

/** Processor time of this process: what a core would need that had nothing else to do. */
const secondsUsed = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const runMany = async (): Promise<void> => {
  const from = Number(values.from)
  const file = values.progress
  const kept: Progress | null =
    file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
  const progress: Progress =
    kept !== null && kept.from === from ? kept : { from, done: 0, violations: [], seconds: 0 }
  const { seconds: before } = progress
  const started = secondsUsed()
  while (progress.done < Number(values.schedules)) {
    const seed = from + progress.done
    const { violation } = await runSchedule(seed)
    if (violation !== null) {
      const replay = replayOf(seed, await shrink(seed))
      progress.violations.push({ seed, violation, replay })
      say(`seed ${seed}: ${violation}\n  replay: ${replay}`)
    }
    progress.done++
    progress.seconds = before + secondsUsed() - started
    if (file !== undefined) writeFileSync(file, JSON.stringify(progress))
    if (progress.done % 100 === 0) say(`${progress.done} schedules, ${progress.violations.length} violations`)
  }
  const { done, violations, seconds } = progress
  console.log(
    JSON.stringify({
      schedules: done,
      violations: violations.length,
      perSecond: Number((done / seconds).toFixed(2))
    })
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}

const runOne = async (seed: number): Promise<void> => {
  const without = values.without.split(',').filter(name => name !== '')
  const plan = planOf(seed)
  if (!values.json)
    console.log(
      JSON.stringify({ ...plan, adversary: plan.adversary?.name ?? null, faults: undefined }, (_, value) =>
        typeof value === 'bigint' ? Number(value) : value
      )
    )
  for (const [i, fault] of plan.faults.entries()) say(`${fault.kind}:${i} ${JSON.stringify(fault)}`)
  const outcome = await runSchedule(seed, { without })
  console.log(JSON.stringify(outcome))
  process.exitCode = outcome.violation === null ? 0 : 1
}

if (values.help) console.log(HELP)
else if (values.seed !== undefined) await runOne(Number(values.seed))
else await runMany()
