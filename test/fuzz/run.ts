/** `npm run fuzz`: see the usage below. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fromHex, toHex } from '@gradmesh/core'
import { flawOf, heldBytes, memoryFlawOf } from './check.ts'
import { CHUNK, type Corpus, type Crash, fuzzChunk, growCorpus } from './fuzzer.ts'
import { type Target, targets } from './targets.ts'

const USAGE = `npm run fuzz -- [options]      hostile inputs for every decoder

  --runs N           inputs for each decoder (default 100000)
  --decoder NAME     one alone: ${targets.map(({ name }) => name).join(', ')}
  --seed N           (default 1)
  --grow N           inputs that grow the corpus by coverage first (default 4096)
  --progress FILE    where progress is kept; a run that was killed goes on from there
  --input HEX        this input alone, as a crash prints it; needs --decoder
  --json             nothing but crashes and the last line
  --help

An input crashes a decoder that throws, that decodes it to a value with another encoding, that changes it, takes
too long, or keeps too much memory alive. The last line is {runs, crashes, perSecond, decoders}. Exit 1: a crash.
`

interface Done {
  readonly runs: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly blocks: number
  readonly corpus: readonly string[]
  readonly crashes: readonly Crash[]
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    decoder: { type: 'string' },
    seed: { type: 'string', default: '1' },
    grow: { type: 'string', default: '4096' },
    progress: { type: 'string' },
    input: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const chosen = targets.filter(({ name }) => values.decoder === undefined || name === values.decoder)
const runs = Number(values.runs)
const seed = Number(values.seed)
const CRASHES_MAX = 20
/** Inputs that a decoder gets before it is the next one's turn. */
const TURN = 16 * CHUNK

const done: Record<string, Done> =
  values.progress !== undefined && existsSync(values.progress)
    ? JSON.parse(readFileSync(values.progress, 'utf8'))
    : {}

const save = (): void => {
  if (values.progress === undefined) return
  writeFileSync(`${values.progress}.new`, JSON.stringify(done))
  renameSync(`${values.progress}.new`, values.progress)
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const begin = (target: Target): Done => {
  const { inputs, blocks } = growCorpus(target, seed, Number(values.grow))
  return { runs: 0, seconds: 0, cpuSeconds: 0, blocks, corpus: inputs.map(toHex), crashes: [] }
}

/** Until it has had so many inputs in all. */
const fuzz = (target: Target, goal: number): void => {
  let state = done[target.name] ?? begin(target)
  const corpus: Corpus = { inputs: state.corpus.map(hex => fromHex(hex)!), blocks: state.blocks }
  while (state.runs < goal) {
    const startMs = performance.now()
    const startCpu = cpuSeconds()
    const count = Math.min(CHUNK, goal - state.runs)
    const crashes = fuzzChunk(target, corpus, seed, state.runs / CHUNK, count)
    for (const { flaw, input } of crashes.slice(0, CRASHES_MAX)) {
      console.log(
        `${target.name} ${flaw}\n  replay: npm run fuzz -- --decoder ${target.name} --input ${input}`
      )
    }
    state = {
      ...state,
      runs: state.runs + count,
      seconds: state.seconds + (performance.now() - startMs) / 1_000,
      cpuSeconds: state.cpuSeconds + cpuSeconds() - startCpu,
      crashes: [...state.crashes, ...crashes].slice(0, CRASHES_MAX)
    }
    done[target.name] = state
    save()
  }
  done[target.name] = state
  if (!values.json) console.log(`${target.name}: ${JSON.stringify(figureOf(state))}`)
}

/** All in turn, so that a run that is cut off has been fair to each. */
const fuzzAll = (): void => {
  for (let goal = Math.min(TURN, runs); ; goal = Math.min(goal + TURN, runs)) {
    for (const target of chosen) if ((done[target.name]?.runs ?? -1) < goal) fuzz(target, goal)
    if (goal === runs) return
  }
}

const figureOf = ({ runs, seconds, cpuSeconds, blocks, corpus, crashes }: Done) => ({
  runs,
  crashes: crashes.length,
  perSecond: Math.round(runs / seconds),
  perCoreSecond: Math.round(runs / cpuSeconds),
  blocks,
  corpus: corpus.length
})

if (values.help) console.log(USAGE)
else if (chosen.length === 0 || !(runs > 0) || !Number.isSafeInteger(seed)) {
  console.error(USAGE)
  process.exitCode = 2
} else if (values.input !== undefined) {
  const input = fromHex(values.input)!
  const [target] = chosen
  const flaw = flawOf(target!, input) ?? memoryFlawOf(target!, input)
  console.log(JSON.stringify({ flaw, bytes: input.length, heldBytes: heldBytes(target!, input) }))
  process.exitCode = flaw === null ? 0 : 1
} else {
  fuzzAll()
  const states = chosen.map(({ name }) => done[name]!)
  const sum = (of: (state: Done) => number): number => states.reduce((total, state) => total + of(state), 0)
  const crashes = sum(state => state.crashes.length)
  const decoders = Object.fromEntries(chosen.map(({ name }) => [name, figureOf(done[name]!)]))
  const perSecond = Math.round(sum(({ runs }) => runs) / sum(({ seconds }) => seconds))
  console.log(JSON.stringify({ runs: sum(state => state.runs), crashes, perSecond, decoders }))
  process.exitCode = crashes === 0 ? 0 : 1
}
