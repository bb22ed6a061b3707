/** `npm run sim`: see the usage below. */
import { parseArgs } from 'node:util'
import { figuresOf, runCampaign } from './campaign.ts'
import { type Run, worlds } from './worlds.ts'

const USAGE = `npm run sim -- [options]      simulated meshes, one a seed, judged by an independent checker

  --schedules N      how many (default 1000)
  --from SEED        the first seed (default 1)
  --seed N           one seed alone, with its plan and outcome
  --without NAMES    faults to leave out, as a failure prints them
  --world NAME       ${Object.keys(worlds).join(' or ')} (default consensus)
  --progress FILE    where progress is kept; a campaign that was killed goes on from there
  --json             one line of JSON at the end and nothing else but failures
  --help

The last line is {schedules, violations, perSecond, ...}; perCoreSecond counts processor time. Exit 1: a violation.
`

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    without: { type: 'string', default: '' },
    world: { type: 'string', default: 'consensus' },
    progress: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const world = values.help ? undefined : await worlds[values.world]?.()
const from = Number(values.seed ?? values.from)
const schedules = values.seed === undefined ? Number(values.schedules) : 1
const left = values.without === '' ? [] : values.without.split(',')

const tell = async (run: Run): Promise<void> => {
  if (values.seed !== undefined && !values.json) for (const line of world!.plan(run.seed)) console.log(line)
  if (values.seed !== undefined) console.log(JSON.stringify(run))
  if (run.violation === null || left.length > 0) return
  const replay = `npm run sim -- --world ${values.world} --seed ${run.seed}`
  console.log(`seed ${run.seed}: ${run.violation}\n  replay: ${replay}`)
  const { left: unneeded, needed } = await world!.shrink(run.seed)
  console.log(
    `  shrunk: ${replay} --without ${unneeded.join(',')}\n  it needs: ${needed.join(', ') || 'no fault'}`
  )
}

if (values.help) console.log(USAGE)
else if (world === undefined || !Number.isSafeInteger(from) || !(schedules > 0)) {
  console.error(USAGE)
  process.exitCode = 2
} else {
  const startMs = performance.now()
  let shownMs = startMs
  const progress = await runCampaign({
    name: values.world,
    world,
    from,
    schedules,
    left,
    file: values.progress ?? null,
    onRun: async run => {
      await tell(run)
      if (values.json || performance.now() < shownMs + 10_000) return
      shownMs = performance.now()
      console.log(`seed ${run.seed}, ${Math.round((shownMs - startMs) / 1_000)} s`)
    }
  })
  console.log(JSON.stringify(figuresOf(progress)))
  process.exitCode = progress.violations === 0 ? 0 : 1
}
