/**
 * `npm run bench:asking`: what a client that asks for text without pause costs training, and what it gets. One peer trains
 * a small decoder; phases with and without the client come by turns, so that a drift of the machine is in both.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Prng, systemClock } from '@gradmesh/core'
import { foundTask } from '@gradmesh/peer'
import { createMesh, type PeerProcess, pause, quantile, until, withoutAdapter } from '../../e2e/harness.ts'

const HELP = `npm run bench:asking -- [OPTIONS]

  --minutes N     length of the measurement (3)
  --phase N       seconds of each phase (12)
  --json          the last line is one object: slowdown (0.05 is 5 %), tokensPerSecond, …
  --help          this page

All on 127.0.0.1. Other work on the machine shows in the spread: slowdowns holds every pair.`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    phase: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const PATIENCE_MS = 90_000
const WORDS = ['the', 'cat', 'dog', 'king', 'queen', 'sat', 'saw', 'ran', 'home', 'far', 'away', 'and']

const textOf = (lines: number, seed: string): string => {
  const random = new Prng(seed)
  const line = () => Array.from({ length: 9 }, () => random.pick(WORDS)).join(' ')
  return Array.from({ length: lines }, line).join('\n')
}

/** Asks again and again until it is told to leave; answers the tokens and the seconds that they took. */
const askOn = async (
  peer: PeerProcess,
  signal: AbortSignal
): Promise<{ tokens: number; seconds: number }> => {
  let tokens = 0
  const startMs = systemClock.nowMs()
  const body = JSON.stringify({ prompt: 'the king', max_tokens: 1000, stream: true, temperature: 1 })
  const headers = { 'content-type': 'application/json' }
  while (!signal.aborted) {
    try {
      const response = await fetch(`${peer.url}/v1/completions`, { method: 'POST', headers, body, signal })
      for await (const bytes of response.body!)
        tokens += String(Buffer.from(bytes)).split('"text_completion"').length - 1
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
  return { tokens, seconds: (systemClock.nowMs() - startMs) / 1000 }
}

const measure = async () => {
  const dataset = await mkdtemp(join(tmpdir(), 'gradmesh-asking-'))
  await writeFile(join(dataset, 'train.txt'), textOf(2000, 'train'))
  await writeFile(join(dataset, 'dev.txt'), textOf(100, 'dev'))
  const { task, bases } = await foundTask('causal', { vocabulary: 300, length: 64, heldOut: 8 }, dataset)
  const mesh = await createMesh({
    peers: 1,
    rounds: null,
    roundDeadlineMs: 5000,
    seed: 'bench-asking',
    task,
    bases,
    flags: ['--dataset', dataset]
  })
  try {
    const peer = mesh.peers[0]!
    peer.start()
    await until('it trains', PATIENCE_MS, async () => ((await peer.status())?.round ?? 0) > 2)
    const phaseMs = 1000 * Number(values.phase)
    const slowdowns: number[] = []
    const rates: { alone: number; beside: number }[] = []
    const asked: { tokens: number; seconds: number }[] = []
    /** Rounds a second. */
    const phase = async (withClient: boolean): Promise<number> => {
      const leave = new AbortController()
      const asking = withClient ? askOn(peer, leave.signal) : undefined
      await pause(1000)
      const startMs = systemClock.nowMs()
      const before = (await peer.status())!.round
      await pause(phaseMs)
      const rounds = (await peer.status())!.round - before
      const seconds = (systemClock.nowMs() - startMs) / 1000
      leave.abort()
      if (asking !== undefined) asked.push(await asking)
      return rounds / seconds
    }
    const stop = systemClock.nowMs() + 60_000 * Number(values.minutes)
    for (let pair = 0; slowdowns.length < 2 || systemClock.nowMs() < stop; pair++) {
      const clientFirst = pair % 2 === 1
      const one = await phase(clientFirst)
      const other = await phase(!clientFirst)
      const [alone, beside] = clientFirst ? [other, one] : [one, other]
      slowdowns.push(1 - beside / alone)
      rates.push({ alone, beside })
      const { tokens, seconds } = asked.at(-1)!
      console.error(
        `${alone.toFixed(2)} rounds/s alone, ${beside.toFixed(2)} beside a client that got ${(tokens / seconds).toFixed(1)} tokens/s`
      )
    }
    const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
    return {
      skipped: false,
      ok: rates.every(({ beside }) => beside > 0),
      slowdown: quantile(slowdowns, 0.5),
      slowdowns,
      roundsPerSecond: sum(rates.map(({ alone }) => alone)) / rates.length,
      tokensPerSecond: sum(asked.map(({ tokens }) => tokens)) / sum(asked.map(({ seconds }) => seconds))
    }
  } finally {
    await mesh.close()
    await rm(dataset, { recursive: true })
  }
}

const main = async (): Promise<number> => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (![values.minutes, values.phase].every(text => Number(text) > 0 && Number(text) <= 1000)) {
    console.error('--minutes and --phase take numbers up to 1000')
    return 2
  }
  const reason = await withoutAdapter()
  if (reason !== null) {
    console.error(`skipped: ${reason}`)
    if (values.json) console.log(JSON.stringify({ skipped: true, ok: true, reason }))
    return 0
  }
  const figures = await measure()
  console.log(`a client without pause makes rounds ${(100 * figures.slowdown).toFixed(1)} % slower (median)`)
  if (values.json) console.log(JSON.stringify(figures))
  return figures.ok ? 0 : 1
}

process.exitCode = await main()
