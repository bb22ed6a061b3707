/**
 * Whole meshes under every fault that the plans know, over seeds that are the same on every machine. Without any
 * fault the checker must be content, and it must notice what breaks its rules. HACKING.md says how to replay a seed.
 */
import t from 'tap'
import { seeds } from './seeds.ts'
import { calmPlan, runPlan, runSchedule } from './simulate.ts'

const SCHEDULES = 40

const replay = (seed: number): string => `npm run sim -- --world mesh --seed ${seed}`

t.test(`${SCHEDULES} schedules keep every invariant and recover`, async t => {
  const seen = new Map<string, number>()
  let height = 0
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const outcome = await runSchedule(seed)
    seen.set(outcome.adversary, (seen.get(outcome.adversary) ?? 0) + 1)
    height += outcome.height
    if (outcome.violation !== null) t.fail(`${outcome.violation}; replay: ${replay(seed)}`)
  }
  t.ok(height >= 10 * SCHEDULES * 0.9, `${height} final blocks`)
  t.ok(seen.size > 6, `${[...seen].map(([name, count]) => `${count} ${name}`).join(', ')}`)
})

t.test('seeds that once found a defect', async t => {
  for (const { seed, found } of seeds)
    t.equal((await runSchedule(seed)).violation, null, `${found}; ${replay(seed)}`)
})

t.test('a peer may be told to end at any moment of its start', async t => {
  const stops = Array.from({ length: 100 }, (_, i) => {
    return { kind: 'stop', atMs: 19 * i, peer: i % 4, downMs: 1 } as const
  })
  t.equal((await runPlan({ ...calmPlan(), diskMsMax: 30, faults: stops })).violation, null)
})

t.test('one seed is one history', async t => {
  for (const seed of [7, 777]) t.strictSame(await runSchedule(seed), await runSchedule(seed))
  t.not((await runSchedule(1)).trace, (await runSchedule(2)).trace)
})
