/**
 * `npm run bench:http`: what watching costs training. One peer trains without pause; the same generator loads
 * in turn an idle stub and the peer, so that its own use of the machine is in both. The figure is by how much
 * fewer rounds closed, the median over the pairs; memory is the peer's own, under load: the median of the last
 * third of the pairs against that of the first, in all and by what maps it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { systemClock } from '@gradmesh/core'
import { createMesh, type PeerProcess, pause, quantile, until, withoutAdapter } from '../../e2e/harness.ts'
import { KINDS, type Mapped, mappedBy } from './mappings.ts'

const HELP = `npm run bench:http -- [OPTIONS]

  --clients N     concurrent clients, each asks once a second (200)
  --streams N     event streams (50)
  --minutes N     length of the measurement; about one and a half when left out, 10 for the memory's sake
  --json          the last line is one object: slowdown (0.05 is 5 %), rssGrowthBytes, …
  --help          this page

All on 127.0.0.1. Other work on the machine shows in the spread: slowdowns holds every pair.`

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    streams: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '1.5' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const PATIENCE_MS = 90_000
const WARM_UP_SECONDS = 6
const PHASE_SECONDS = 8
const SLOWDOWN_MAX = 0.05

interface Load {
  readonly answers: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly streamsOpen: number
  readonly streamBytes: number
}

const generate = async (url: string, seconds: number): Promise<Load> => {
  const words = [url, values.clients, values.streams, String(seconds)]
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, 'generator.ts'),
    ...words
  ])
  return JSON.parse(stdout)
}

const startStub = async (peer: PeerProcess): Promise<{ url: string; child: ChildProcess }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'stub.ts'), peer.url], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  const [line] = await once(child.stdout!, 'data')
  return { url: String(line).trim(), child }
}

/** When each round closed, by the peer's own clock. */
const followRounds = async (peer: PeerProcess, times: number[], signal: AbortSignal): Promise<void> => {
  for await (const { event } of peer.client.events({ signal }))
    if (event.type === 'round') times.push(event.at)
}

/** Rounds a second between two moments: whole rounds over the time that they took. */
const rateBetween = (times: readonly number[], from: number, to: number): number => {
  const inside = times.filter(at => at >= from && at <= to)
  return (inside.length - 1) / ((inside.at(-1)! - inside[0]!) / 1000)
}

interface Rates {
  readonly idle: number
  readonly loaded: number
}

const measure = async () => {
  const mesh = await createMesh({ peers: 1, rounds: null, roundDeadlineMs: 5000, seed: 'bench-http' })
  const ended = new AbortController()
  let stub: ChildProcess | undefined
  try {
    const peer = mesh.peers[0]!
    peer.start()
    await until('it trains', PATIENCE_MS, async () => (await peer.height()) > 5)
    const times: number[] = []
    void followRounds(peer, times, ended.signal)
    const { url, child } = await startStub(peer)
    stub = child
    await generate(peer.url, WARM_UP_SECONDS)

    const slowdowns: number[] = []
    const rates: Rates[] = []
    const mapped: Mapped[] = []
    const loads: Load[] = []
    const phase = async (target: string): Promise<number> => {
      const loading = generate(target, PHASE_SECONDS + 1)
      await pause(1000)
      const from = systemClock.wallMs()
      await pause((PHASE_SECONDS - 1) * 1000)
      if (target === peer.url) mapped.push(await mappedBy(peer.pid))
      const rate = rateBetween(times, from, systemClock.wallMs())
      const load = await loading
      if (target === peer.url) loads.push(load)
      return rate
    }
    const stop = systemClock.nowMs() + Number(values.minutes) * 60_000
    for (let pair = 0; slowdowns.length < 3 || systemClock.nowMs() < stop; pair++) {
      // Each comes first in every other pair, so that a drift of the machine favours neither.
      const first = pair % 2 === 0 ? url : peer.url
      const one = await phase(first)
      const other = await phase(first === url ? peer.url : url)
      const [idle, loaded] = first === url ? [one, other] : [other, one]
      if (Number.isNaN(loaded / idle)) {
        console.error('left out: hardly a round closed, so busy was the machine')
        continue
      }
      slowdowns.push(1 - loaded / idle)
      rates.push({ idle, loaded })
      console.error(
        `${idle.toFixed(2)} rounds/s beside the stub, ${loaded.toFixed(2)} under load: ${(100 * (1 - loaded / idle)).toFixed(1)} % slower; ${told(mapped.at(-1)!)}`
      )
    }
    return summary(slowdowns, rates, mapped, loads)
  } finally {
    ended.abort()
    stub?.kill()
    await mesh.close()
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

const told = (mapped: Mapped): string =>
  `${mebibytes(mapped.all)} MiB (${KINDS.map(kind => `${kind} ${mebibytes(mapped[kind])}`).join(', ')})`

const summary = (
  slowdowns: readonly number[],
  rates: readonly Rates[],
  mapped: readonly Mapped[],
  loads: readonly Load[]
) => {
  const third = Math.max(1, Math.floor(mapped.length / 3))
  const growth = (kind: keyof Mapped): number => {
    const bytes = mapped.map(each => each[kind])
    return quantile(bytes.slice(-third), 0.5) - quantile(bytes.slice(0, third), 0.5)
  }
  const answers: Record<string, number> = {}
  for (const load of loads)
    for (const [answer, count] of Object.entries(load.answers))
      answers[answer] = (answers[answer] ?? 0) + count
  const sum = (of: (rates: Rates) => number): number => rates.reduce((total, each) => total + of(each), 0)
  const slowdown = quantile(slowdowns, 0.5)
  const served = answers['200'] ?? 0
  const asked = Object.values(answers).reduce((sum, count) => sum + count, 0)
  return {
    skipped: false,
    ok: slowdown <= SLOWDOWN_MAX && served === asked,
    slowdown,
    slowdowns,
    pairs: rates.length,
    rssGrowthBytes: growth('all'),
    growthBytesBy: Object.fromEntries(KINDS.map(kind => [kind, growth(kind)])),
    rssBytes: mapped.at(-1)!.all,
    roundsPerSecond: sum(({ idle }) => idle) / rates.length,
    clients: Number(values.clients),
    streams: Math.min(...loads.map(({ streamsOpen }) => streamsOpen)),
    answers,
    p50Ms: quantile(
      loads.map(({ p50Ms }) => p50Ms),
      0.5
    ),
    p99Ms: quantile(
      loads.map(({ p99Ms }) => p99Ms),
      0.5
    )
  }
}

const main = async (): Promise<number> => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const numbers = [values.clients, values.streams, values.minutes].map(Number)
  if (!numbers.every(number => number >= 0 && number <= 1000)) {
    console.error('--clients, --streams and --minutes take numbers from 0 to 1000')
    return 2
  }
  const reason = process.platform === 'linux' ? await withoutAdapter() : "memory is read from Linux's /proc"
  if (reason !== null) {
    console.error(`skipped: ${reason}`)
    if (values.json) console.log(JSON.stringify({ skipped: true, ok: true, reason }))
    return 0
  }
  const figures = await measure()
  const { slowdown, rssGrowthBytes, p50Ms, p99Ms } = figures
  console.error(
    `training is ${(100 * slowdown).toFixed(1)} % slower; memory grew by ${(rssGrowthBytes / 2 ** 20).toFixed(1)} MiB; answers p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`
  )
  if (values.json) console.log(JSON.stringify(figures))
  return figures.ok ? 0 : 1
}

process.exitCode = await main()
