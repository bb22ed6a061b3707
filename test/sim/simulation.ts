/**
 * Agreement under every fault that the world knows, over seeds that are the same on every machine. HACKING.md
 * says how to replay a seed and run more of them; `mutants.ts` proves that the checker notices broken rules.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as rules from '@gradmesh/consensus'
import t from 'tap'
import { adversaries } from '../adversaries/index.ts'
import { figuresOf, runCampaign } from './campaign.ts'
import { consensus } from './consensus.ts'
import { drawSchedule, faultsOf, without } from './schedule.ts'
import { shrink } from './shrink.ts'
import { simulate } from './world.ts'
import type { World } from './worlds.ts'

const SEEDS = 1_000

t.setTimeout(600_000)

const run = (seed: number) => simulate(drawSchedule(seed, adversaries), rules)

t.test(`${SEEDS} schedules keep every invariant and recover`, async t => {
  const seen = new Map<string, number>()
  const caught = new Map<string, number>()
  const world: World = {
    ...consensus,
    run: seed => {
      const outcome = run(seed)
      seen.set(outcome.adversary, (seen.get(outcome.adversary) ?? 0) + 1)
      if (outcome.accusations > 0) caught.set(outcome.adversary, (caught.get(outcome.adversary) ?? 0) + 1)
      return outcome
    }
  }
  const progress = await runCampaign({
    name: 'consensus',
    world,
    from: 1,
    schedules: SEEDS,
    left: [],
    file: null,
    onRun: ({ seed, violation }) => {
      if (violation !== null) t.fail(`${violation}; replay and shrink: npm run sim -- --seed ${seed}`)
    }
  })
  const { perSecond, perCoreSecond, finalBlocksEach } = figuresOf(progress)
  t.comment(`${perSecond} schedules/s, ${perCoreSecond} a core second, ${finalBlocksEach} final blocks each`)
  t.equal(progress.violations, 0)
  for (const { name } of adversaries) t.ok((seen.get(name) ?? 0) > SEEDS / 25, `${name} took part`)
  for (const name of ['equivocator', 'double-voter', 'twin']) {
    t.ok(
      caught.get(name)! > seen.get(name)! / 4,
      `${name} was convicted in ${caught.get(name)} of ${seen.get(name)}`
    )
  }
})

t.test('seeds that once found a bug', async t => {
  const kept = JSON.parse(readFileSync(new URL('seeds.json', import.meta.url), 'utf8')) as {
    seed: number
    found: string
  }[]
  for (const { seed, found } of kept) t.equal(run(seed).violation, null, found)
})

t.test('one seed is one history', async t => {
  for (const seed of [7, 77, 700]) t.strictSame(run(seed), run(seed))
  t.not(run(1).trace, run(2).trace)
})

t.test('a fault can be left out, and a failure shrinks to the faults that it needs', async t => {
  const seed = [...Array(100).keys()].find(seed => faultsOf(drawSchedule(seed, adversaries)).length > 8)!
  const schedule = drawSchedule(seed, adversaries)
  t.strictSame(faultsOf(without(schedule, faultsOf(schedule))), [])
  t.not(simulate(without(schedule, ['skew']), rules).trace, run(seed).trace)
  const culprit = schedule.crashes.at(-1)!
  const { left, needed } = await shrink(faultsOf(schedule), schedule.healMs, names => {
    const smaller = without(schedule, names)
    return smaller.crashes.includes(culprit) && smaller.healMs > 300
  })
  t.strictSame(without(schedule, left).crashes, [culprit])
  t.equal(needed.length, 1)
  const { healMs } = without(schedule, left)
  t.ok(healMs > 300 && healMs < 300 + schedule.healMs / 8, `well after ${healMs} ms`)
})

t.test('a campaign that was cut off goes on and ends as one that was not', async t => {
  const file = join(t.testdir(), 'progress.json')
  const campaign = { name: 'consensus', world: consensus, from: 500, schedules: 12, left: [] }
  const whole = await runCampaign({ ...campaign, file: null })
  await runCampaign({ ...campaign, schedules: 5, file })
  const seeds: number[] = []
  const resumed = await runCampaign({ ...campaign, file, onRun: ({ seed }) => void seeds.push(seed) })
  t.strictSame(seeds, [505, 506, 507, 508, 509, 510, 511])
  t.equal(resumed.digest, whole.digest)
  t.strictSame(resumed.failed, [])
})
