/**
 * `npm run bench:compute`: ours and the peers of the field on one adapter, interleaved round by round,
 * all warm, each in a process of its own. Machines swing by a factor of two from minute to minute, so
 * only ratios of one run mean anything. Everything a caller pays counts; libraries on a GPU keep their
 * data there, and each wait is the cheapest that the library offers.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { listAdapters, openDevice } from '../../src/index.ts'
import { readFlags, refuse } from '../flags.ts'
import { CASES, type Case, SHAPE_PAIRS } from './cases.ts'
import { ceilingOf } from './ceiling.ts'
import { type Answer, COLD_MS_MAX, Contender } from './contender.ts'
import { findPeers, ours, PEERS, type Peer } from './peers.ts'
import { median, spreadOf } from './spread.ts'

const SECTIONS = [...new Set(CASES.map(({ section }) => section)), 'shapes', 'cold', 'processes']

const HELP = `npm run bench:compute -- [--json] [--quick] [--only SECTION] [--adapter TEXT]

  --json            one line of JSON last, after the table
  --quick           3 rounds of each case instead of 3 to 9
  --only SECTION    ${SECTIONS.join(', ')}
                    (may be repeated)
  --adapter TEXT    the first adapter whose name contains TEXT

Peers are installed on the first run (npm ci, this folder alone). A peer that cannot run here is
reported as absent, with the reason, and its ratios are null.`

const { values } = readFlags({
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
  adapter: { type: 'string', default: '' },
  help: { type: 'boolean', default: false }
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const unknown = values.only.filter(section => !SECTIONS.includes(section))
if (unknown.length > 0) refuse(`no section ${unknown.join(', ')}; there are ${SECTIONS.join(', ')}`)

const wanted = (section: string): boolean => values.only.length === 0 || values.only.includes(section)
const adapters = await listAdapters()
if (adapters.length === 0) refuse('no WebGPU adapter', 1)
const adapter =
  adapters.find(({ name }) => name.includes(values.adapter)) ??
  refuse(
    `no adapter's name contains "${values.adapter}"; there are ${adapters.map(({ name }) => name).join('; ')}`
  )
const found = await findPeers(adapter.name)
for (const [name, why] of Object.entries(found.absent)) console.log(`absent: ${name}: ${why}`)

interface Row {
  readonly item: Case
  readonly seen: ReadonlyMap<string, readonly number[]>
}
const reasons = new Map<string, string>()

/**
 * One after the other in each round, so that round `i` of all was in the same minute. The round before
 * the first brings data in place and compiles; it does not count.
 */
const measure = async (
  items: readonly Case[],
  contenders: readonly Contender[],
  rounds: number
): Promise<Row[]> => {
  const rows = items.map(item => ({ item, seen: new Map<string, number[]>() }))
  const out = new Set<string>()
  for (let round = 0; round <= rounds; round++) {
    for (const { item, seen } of rows) {
      for (const contender of contenders) {
        const key = `${contender.name} ${item.what}`
        if (out.has(key)) continue
        const answer: Answer = await contender.measure(item.what, round === 0 ? 0 : item.budgetMs)
        if ('absent' in answer) {
          out.add(key)
          seen.delete(contender.name)
          if (answer.absent !== 'not offered') reasons.set(key, answer.absent)
        } else if (round > 0) {
          seen.set(contender.name, [...(seen.get(contender.name) ?? []), median(answer.ms)])
        }
      }
    }
  }
  return rows
}

/** Their time over ours, the median over the rounds. */
const ratioOf = (mine: readonly number[], theirs: readonly number[]): number =>
  median(theirs.map((ms, round) => ms / mine[round]!))

const tell = ({ item, seen }: Row): void => {
  const mine = seen.get('gradmesh')
  console.log(`\n${item.section} ${item.key}`)
  for (const [name, times] of seen) {
    const { median: ms, best, worst } = spreadOf(times)
    const rate = ((item.work.amount / ms) * 1000).toFixed(2).padStart(9)
    const spread = `${ms.toFixed(3).padStart(10)} ms (${best.toFixed(3)} to ${worst.toFixed(3)})`
    const ratio =
      mine === undefined || name === 'gradmesh' ? '' : `ours is ${ratioOf(mine, times).toFixed(2)}x`
    console.log(`  ${name.padEnd(12)} ${rate} ${item.work.unit.padEnd(8)} ${spread}  ${ratio}`)
  }
}

const ratiosOf = (rows: readonly Row[]) => {
  const ratios: Record<string, Partial<Record<Peer, Record<string, number | null>>>> = {}
  for (const { item, seen } of rows) {
    const mine = seen.get('gradmesh')
    const section = ratios[item.section] ?? {}
    ratios[item.section] = section
    for (const peer of PEERS) {
      const theirs = seen.get(peer)
      const ratio = theirs === undefined || mine === undefined ? null : ratioOf(mine, theirs)
      section[peer] = { ...section[peer], [item.key]: ratio }
    }
  }
  return ratios
}

/** A section of one case is a number a peer, not a table of sizes. */
const flat = (ratios: ReturnType<typeof ratiosOf>) =>
  Object.fromEntries(
    Object.entries(ratios).map(([section, peers]) => [
      section,
      section === 'mlpStep' || section === 'attention'
        ? Object.fromEntries(Object.entries(peers).map(([peer, by]) => [peer, Object.values(by)[0] ?? null]))
        : peers
    ])
  )

const cold = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gradmesh-cold-'))
  const environment = { MESA_SHADER_CACHE_DIR: folder }
  const start = async () => {
    const plan = { ...ours(adapter.name, environment), args: ['cold.ts', adapter.name] }
    const child = new Contender(plan)
    try {
      return await child.ask<{ openMs: number; firstMs: Record<string, number> }>('', COLD_MS_MAX)
    } finally {
      await child.close()
    }
  }
  try {
    return { first: await start(), second: await start() }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Steps a second of one process, and of four side by side, with the CPU time of a step. On a software
 * adapter the cores are the GPU: what one process keeps busy itself, four cannot have besides, so
 * `ratioMax` bounds the ratio as long as a step costs four no less CPU time than it costs one.
 */
const processes = async (what: string) => {
  const all = Array.from({ length: 4 }, () => new Contender(ours(adapter.name)))
  try {
    for (const child of all) await child.measure(what, 50)
    const seen = { one: [] as Pace[], four: [] as Pace[] }
    for (let round = 0; round < (values.quick ? 2 : 5); round++) {
      seen.one.push(paceOf([await all[0]!.measure(what, 600)]))
      seen.four.push(paceOf(await Promise.all(all.map(child => child.measure(what, 600)))))
    }
    const of = (side: readonly Pace[], name: keyof Pace) => median(side.map(pace => pace[name]))
    const [one, four] = [of(seen.one, 'rate'), of(seen.four, 'rate')]
    const [oneCpuMs, fourCpuMs] = [of(seen.one, 'cpuMs'), of(seen.four, 'cpuMs')]
    const oneCores = median(seen.one.map(({ rate, cpuMs }) => (rate * cpuMs) / 1000))
    const ratioMax = adapter.software ? availableParallelism() / oneCores : null
    return { one, four, ratio: four / one, oneCpuMs, fourCpuMs, oneCores, ratioMax }
  } finally {
    for (const child of all) await child.close()
  }
}

/** What four processes should reach together, as a multiple of one. */
const PROCESSES_MIN = 1.3

interface Pace {
  /** Steps a second of all together. */
  readonly rate: number
  /** CPU time of a step, all threads. */
  readonly cpuMs: number
}

const paceOf = (answers: readonly Answer[]): Pace => {
  const done = answers.flatMap(answer =>
    'ms' in answer ? [{ rate: 1000 / median(answer.ms), cpuMs: answer.cpuMs ?? Number.NaN }] : []
  )
  return {
    rate: done.reduce((sum, { rate }) => sum + rate, 0),
    cpuMs: median(done.map(({ cpuMs }) => cpuMs))
  }
}

const contenders = [ours(adapter.name), ...found.plans].map(plan => new Contender(plan))
const rows: Row[] = []
const memory: Record<string, number | null> = {}
/** Rate of one shape of ours over that of another. */
const own: Record<string, number> = {}
try {
  for (const item of CASES) {
    if (!wanted(item.section)) continue
    rows.push(...(await measure([item], contenders, values.quick ? 3 : item.rounds)))
    tell(rows.at(-1)!)
  }
  if (wanted('shapes')) {
    for (const [shape, base] of SHAPE_PAIRS) {
      const [one, other] = await measure([shape, base], contenders.slice(0, 1), values.quick ? 5 : 11)
      const [mine, theirs] = [one!, other!].map(({ seen }) => seen.get('gradmesh'))
      if (mine === undefined || theirs === undefined) continue
      own[`${shape.key} over ${base.key}`] = (ratioOf(mine, theirs) * shape.work.amount) / base.work.amount
    }
  }
  for (const contender of contenders) memory[contender.name] = await contender.peakBytes()
} finally {
  for (const contender of contenders) await contender.close()
  await found.clean()
}
for (const [what, why] of reasons) console.log(`absent: ${what}: ${why}`)

const ceiling = wanted('matmul') ? await ceilingOf(await openDevice({ adapter: adapter.name })) : undefined
const best = rows.find(({ item }) => item.section === 'matmul' && item.key === '1024')?.seen.get('gradmesh')
const ceilingShare =
  ceiling === undefined || best === undefined ? null : (2 * 1024 ** 3) / Math.min(...best) / 1e6 / ceiling
const start = wanted('cold') ? await cold() : undefined
const side = wanted('processes')
  ? { mlp: await processes('mlp'), matmul: await processes('matmul nn 512 512 512') }
  : undefined

console.log('')
for (const [name, value] of Object.entries(own)) console.log(`ours: ${name}: ${value.toFixed(2)}`)
if (ceiling !== undefined) {
  console.log(
    `arithmetic ceiling ${ceiling.toFixed(1)} GFLOP/s; 1024 reaches ${(100 * (ceilingShare ?? 0)).toFixed(0)} %`
  )
}
if (start !== undefined) {
  for (const [name, one] of Object.entries(start)) {
    const slowest = Object.entries(one?.firstMs ?? {}).toSorted(([, a], [, b]) => b - a)
    console.log(
      `${name} start: device open after ${one?.openMs.toFixed(0)} ms; slowest first uses ${slowest
        .slice(0, 4)
        .map(([id, ms]) => `${id} ${ms.toFixed(0)} ms`)
        .join(', ')}`
    )
  }
}
for (const [name, { one, four, ratio, oneCpuMs, fourCpuMs, oneCores, ratioMax }] of Object.entries(
  side ?? {}
)) {
  console.log(
    `${name}: one process ${one.toFixed(1)} a second, four ${four.toFixed(1)}: ${ratio.toFixed(2)}x; ` +
      `CPU time of a step ${oneCpuMs.toFixed(2)} ms, of four's ${fourCpuMs.toFixed(2)} ms`
  )
  if (ratioMax !== null) {
    console.log(
      `  here the CPU is the GPU, and one process alone keeps ${oneCores.toFixed(2)} of ${availableParallelism()} cores busy: ` +
        `${ratioMax < PROCESSES_MIN ? `${PROCESSES_MIN}x cannot be reached, ` : ''}at most ${ratioMax.toFixed(2)}x, if nothing else runs`
    )
  }
}
for (const [name, bytes] of Object.entries(memory)) {
  if (bytes !== null) console.log(`peak memory ${name}: ${(bytes / 2 ** 20).toFixed(0)} MiB`)
}
if (values.json) {
  const plainAdapter = { name: adapter.name, driver: adapter.driver, software: adapter.software }
  console.log(
    JSON.stringify({
      ratios: flat(ratiosOf(rows)),
      adapter: plainAdapter,
      absent: { ...found.absent, ...Object.fromEntries(reasons) },
      own,
      ceilingGflops: ceiling ?? null,
      ceilingShare,
      cold: start ?? null,
      processes: side ?? null,
      peakMemoryBytes: memory
    })
  )
}
