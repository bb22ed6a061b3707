/**
 * `npm run bench:sync`: a peer with nothing joins a ledger. Sources and joiner are processes of their own on
 * 127.0.0.1, started as peers are; the joiner is a whole peer on LevelDB and libp2p; only its adapter is a twin. Right
 * before it joins and right after, the same process fetches as many bytes as the checkpoint has over a bare libp2p stream
 * from one of the sources: the ratio of the two rates is the figure. Sources run for days where peers do, so the first
 * joins, in which their code is compiled, do not count; a joiner is always new.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { steadyMemory } from '@gradmesh/cli'
import { runCommand, type Teller, type Values, WrongArgument } from '../../e2e/command.ts'
import { quantile } from '../../e2e/harness.ts'
import type { Joined, Task } from './joiner.ts'
import { type Shape, writeLedger } from './ledger.ts'

const HELP = `npm run bench:sync -- [OPTIONS]

  --blocks N       of the ledger (2000)
  --parameters N   of the model (10000000)
  --rounds N       above the checkpoint, each with four deltas: what is replayed (24)
  --sources N      peers that serve it (3)
  --repeats N      joins, each beside a bare stream; medians count (5)
  --warm-ups N     joins before them, which do not count (2)
  --verbose        what the joiner logs
  --json           the last line is one object: ratio, replayBlocksPerSecond, …
  --help           this page

ratio: the checkpoint's bytes per second, from asking who has one to a state whose every leaf is checked and on the
disk, over those of a bare libp2p stream (TCP, Noise, Yamux) of the same length between the same two processes.
boundRatio: the same for no more than what must be: the bare stream, then its bytes hashed and brought to the disk.`

interface Figures {
  readonly ratio: number
  readonly ratios: readonly number[]
  readonly boundRatio: number
  readonly checkpointBytes: number
  readonly bytesPerSecond: number
  readonly bareBytesPerSecond: number
  readonly boundBytesPerSecond: number
  readonly replayBlocksPerSecond: number
  readonly joinSeconds: number
  readonly fetchLoopDelayMsP99: number
  readonly fetchLoopDelayMsMax: number
  readonly replayLoopDelayMsP99: number
  readonly replayLoopDelayMsMax: number
  readonly blocks: number
  readonly parameters: number
}

interface Plan extends Shape {
  readonly sources: number
  readonly repeats: number
  readonly warmUps: number
  readonly verbose: boolean
}

const NUMBERS = {
  blocks: 2000,
  parameters: 10_000_000,
  rounds: 24,
  sources: 3,
  repeats: 5,
  'warm-ups': 2
} as const

const planOf = (values: Values): Plan => {
  const read = (name: keyof typeof NUMBERS): number => {
    const value = Number(values[name] ?? NUMBERS[name])
    if (!Number.isSafeInteger(value) || value < (name === 'warm-ups' ? 0 : 1))
      throw new WrongArgument(`--${name} takes a whole number`)
    return value
  }
  const [blocks, parameters, rounds] = [read('blocks'), read('parameters'), read('rounds')]
  if (blocks < rounds + 2) throw new WrongArgument('--blocks is at least two more than --rounds')
  const { verbose } = values
  return {
    blocks,
    parameters,
    rounds,
    sources: read('sources'),
    repeats: read('repeats'),
    warmUps: read('warm-ups'),
    verbose: verbose === true
  }
}

const start = (file: string, words: readonly string[]): ChildProcess =>
  spawn(process.execPath, [...steadyMemory.execArgv, join(import.meta.dirname, file), ...words], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...steadyMemory.env }
  })

const firstWord = async <T>(child: ChildProcess): Promise<T> => {
  const ended = once(child, 'exit').then(() => {
    throw new WrongArgument('a process of the bench ended early')
  })
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message as T
}

const measure = async (plan: Plan, { say }: Teller): Promise<Figures> => {
  const folder = await mkdtemp(join(tmpdir(), 'gradmesh-sync-'))
  const children: ChildProcess[] = []
  try {
    const ledger = join(folder, 'ledger')
    say(`writing ${plan.blocks} blocks over ${plan.parameters} parameters`)
    await writeLedger(ledger, plan)
    const served: { address: string; bare: string }[] = []
    for (let i = 0; i < plan.sources; i++) {
      await cp(ledger, join(folder, `source-${i}`), { recursive: true })
      const child = start('source.ts', [join(folder, `source-${i}`), String(i)])
      children.push(child)
      served.push(await firstWord(child))
    }
    const task: Task = {
      shape: plan,
      sources: served.map(({ address }) => address),
      bare: served[0]!.bare,
      verbose: plan.verbose
    }
    const all: Joined[] = []
    for (let i = 0; i < plan.warmUps + plan.repeats; i++) {
      const home = join(folder, `joiner-${i}`)
      const child = start('joiner.ts', [home, JSON.stringify(task)])
      children.push(child)
      const joined = await firstWord<Joined>(child)
      if (child.exitCode === null) await once(child, 'exit')
      await rm(home, { recursive: true, force: true })
      const counts = i >= plan.warmUps
      if (counts) all.push(joined)
      say(`${counts ? '' : 'not counted: '}${tell(joined)}`)
    }
    return figuresOf(plan, all)
  } finally {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

const mebibytes = (bytesPerSecond: number): string => `${(bytesPerSecond / 2 ** 20).toFixed(1)} MiB/s`

const tell = (joined: Joined): string => {
  const { bytes, bareSeconds, boundSeconds, fetchSeconds, replayed, replaySeconds, joinSeconds } = joined
  return `bare ${mebibytes(bytes / bareSeconds)}, bound ${mebibytes(bytes / boundSeconds)}, checkpoint ${mebibytes(bytes / fetchSeconds)} (${(bareSeconds / fetchSeconds).toFixed(2)}), ${(replayed / replaySeconds).toFixed(1)} blocks/s replayed, joined after ${joinSeconds.toFixed(2)} s`
}

const median = (values: readonly number[]): number => quantile(values, 0.5)

const figuresOf = ({ blocks, parameters }: Plan, all: readonly Joined[]): Figures => {
  const ratios = all.map(({ bareSeconds, fetchSeconds }) => bareSeconds / fetchSeconds)
  const of = (figure: (joined: Joined) => number): number => Number(median(all.map(figure)).toPrecision(4))
  return {
    ratio: Number(median(ratios).toFixed(3)),
    ratios: ratios.map(ratio => Number(ratio.toFixed(3))),
    boundRatio: of(({ bareSeconds, boundSeconds }) => bareSeconds / boundSeconds),
    checkpointBytes: of(({ bytes }) => bytes),
    bytesPerSecond: of(({ bytes, fetchSeconds }) => bytes / fetchSeconds),
    bareBytesPerSecond: of(({ bytes, bareSeconds }) => bytes / bareSeconds),
    boundBytesPerSecond: of(({ bytes, boundSeconds }) => bytes / boundSeconds),
    replayBlocksPerSecond: of(({ replayed, replaySeconds }) => replayed / replaySeconds),
    joinSeconds: of(({ joinSeconds }) => joinSeconds),
    fetchLoopDelayMsP99: of(({ fetchDelay }) => fetchDelay.p99Ms),
    fetchLoopDelayMsMax: of(({ fetchDelay }) => fetchDelay.maxMs),
    replayLoopDelayMsP99: of(({ replayDelay }) => replayDelay.p99Ms),
    replayLoopDelayMsMax: of(({ replayDelay }) => replayDelay.maxMs),
    blocks,
    parameters
  }
}

await runCommand({
  help: HELP,
  options: {
    ...Object.fromEntries(Object.keys(NUMBERS).map(name => [name, { type: 'string' as const }])),
    verbose: { type: 'boolean' }
  },
  lacks: async () => null,
  prepare: values => {
    const plan = planOf(values)
    return tell => measure(plan, tell)
  }
})
