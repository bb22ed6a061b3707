/** Runs a whole mesh on this machine from its first peer to its summary. */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { type Client, createClient } from '@gradmesh/api'
import { MeshError, systemClock } from '@gradmesh/core'
import { EXIT } from '../exit-codes.ts'
import { percent } from '../format.ts'
import { bold, type Io } from '../io.ts'
import { DemoPeer } from './child.ts'
import { type DemoInit, type DemoPlan, planDemo } from './plan.ts'
import { Progress } from './progress.ts'
import { RunRecord } from './record.ts'
import { type DemoResult, resultOf, summaryText } from './summary.ts'

/** Without a final block from anyone for so long the run is given up. */
const STALLED_MS = 180_000
const WATCH_MS = 200
/** Ctrl-C has two seconds altogether. */
const STOP_MS = 1500

export interface DemoRun extends DemoInit {
  readonly adapter: string | null
  readonly keep: boolean
  readonly io: Io
  readonly env: Readonly<Record<string, string | undefined>>
}

export const runDemo = async (run: DemoRun): Promise<number> => {
  const { io } = run
  const interrupted = interruption()
  const plan = await planDemo(run)
  const peers: DemoPeer[] = []
  const record = new RunRecord(plan.peers.length, systemClock.nowMs())
  const progress = new Progress(io, record, plan.rounds)
  const ended = new AbortController()
  let isInterrupted = false
  let ok = false
  try {
    announce(plan, run)
    peers.push(...startPeers(plan, run))
    const result = await Promise.race([
      train({ plan, peers, record, progress, io, ended: ended.signal }),
      interrupted
    ])
    isInterrupted = result === undefined
    ok = result?.ok === true
    if (result !== undefined && io.json) io.print(JSON.stringify(result))
    if (result === undefined) return EXIT.interrupted
    return ok ? EXIT.ok : EXIT.failed
  } finally {
    ended.abort()
    progress.stop()
    await Promise.all(peers.map(peer => peer.stop(STOP_MS)))
    if (plan.temporary && !run.keep && (ok || isInterrupted))
      await rm(plan.folder, { recursive: true, force: true })
    else
      io.note(
        `The peers' folders are kept in ${plan.folder} (look with: gradmesh verify --data ${plan.folder}/peer-0)`
      )
  }
}

const interruption = (): Promise<undefined> =>
  new Promise(resolve => {
    // Ctrl-C may arrive twice, from the terminal and from npm; stopping is bounded by itself.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve(undefined))
  })

const announce = ({ rounds, peers, task, folder }: DemoPlan, { seed, io }: DemoRun): void => {
  io.note(
    `${bold(`${peers.length} peers`, io)} on this machine train "${task.id}" for ${rounds} rounds (seed ${seed}, data in ${folder}).`
  )
  io.note(`Peer 0 shows itself at http://127.0.0.1:${peers[0]!.port}. Ctrl-C stops everything.`)
}

const startPeers = ({ peers }: DemoPlan, { adapter, env }: DemoRun): DemoPeer[] => {
  // Lavapipe takes one thread for each core in every process; several peers share the cores instead.
  const threads = Math.max(1, Math.floor(availableParallelism() / peers.length))
  const shared = { ...env, LP_NUM_THREADS: env.LP_NUM_THREADS ?? String(threads) }
  return peers.map(plan => new DemoPeer({ plan, adapter, env: shared }))
}

interface Training {
  readonly plan: DemoPlan
  readonly peers: readonly DemoPeer[]
  readonly record: RunRecord
  readonly progress: Progress
  readonly io: Io
  readonly ended: AbortSignal
}

const train = async ({ plan, peers, record, progress, io, ended }: Training): Promise<DemoResult> => {
  const urls = await Promise.all(peers.map(peer => peer.ready))
  const clients = urls.map(url => createClient(url))
  const follows = clients.map((client, i) => follow(client, i, record, ended))
  const deaths = [...follows.map(orDie(peers)), ...peers.map(peer => peer.died)]
  await Promise.race([untilFinished(record, ended), ...deaths])
  const statuses = await Promise.all(clients.map(client => client.status()))
  const stakes = await clients[0]!.stakes()
  progress.stop()
  const init = { record, statuses, scoreTarget: plan.task.scoreTarget }
  const result = resultOf(init)
  const labels = plan.peers.map(({ label }) => label)
  io.note(summaryText(init, result, stakes, labels, io))
  if (result.accuracy < plan.task.scoreTarget && plan.rounds < plan.task.recipe.rounds) {
    const target = percent(plan.task.scoreTarget, 1)
    io.note(
      `The target of ${target} is meant for ${plan.task.recipe.rounds} rounds, this run had ${plan.rounds}.`
    )
  }
  return result
}

const follow = async (
  client: Client,
  peer: number,
  record: RunRecord,
  signal: AbortSignal
): Promise<never> => {
  let lastEventId: string | undefined
  for (;;) {
    const resume = lastEventId === undefined ? {} : { lastEventId }
    for await (const { id, event } of client.events({ replay: 'all', signal, ...resume })) {
      if (id !== '') lastEventId = id
      record.heard(peer, event, systemClock.nowMs())
    }
    if (signal.aborted) return new Promise(() => {})
  }
}

/** A broken stream is told as the death of its peer when that is what broke it. */
const orDie =
  (peers: readonly DemoPeer[]) =>
  (following: Promise<never>, i: number): Promise<never> =>
    following.catch(async error => {
      await Promise.race([peers[i]!.died, new Promise(resolve => setTimeout(resolve, 1000))])
      throw error
    })

const untilFinished = async (record: RunRecord, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && !record.allFinished) {
    if (record.silentMs(systemClock.nowMs()) > STALLED_MS)
      throw new MeshError('DEMO_STALLED', `no block has become final for ${STALLED_MS / 1000} s`, {
        remedy: 'the machine may be too busy: try --peers 2, or look into the logs'
      })
    await new Promise(resolve => setTimeout(resolve, WATCH_MS))
  }
}
