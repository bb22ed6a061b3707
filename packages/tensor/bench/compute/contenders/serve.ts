/**
 * The contender's end of the bench: one request a line (`matmul nn 512 512 512 | 300`: a case and how
 * many milliseconds to spend), one answer a line that starts with @ (libraries print what they like):
 * the milliseconds of each repetition and the CPU time of one, all threads together, or why there is none.
 */
import { createInterface } from 'node:readline'

export interface Work {
  /** Does the case `repeats` times and waits for the end of it; what is awaited is part of the time. */
  readonly run: () => Promise<unknown>
  readonly repeats: number
}

/** The work of a case, its data in place; undefined where the contender has no such thing. */
export type Open = (name: string, form: string, sizes: readonly number[]) => Promise<Work | undefined>

const WARM_RUNS = 3

const measure = async ({ run, repeats }: Work, budgetMs: number): Promise<number[]> => {
  const times: number[] = []
  const end = performance.now() + budgetMs
  do {
    const from = performance.now()
    await run()
    times.push((performance.now() - from) / repeats)
  } while (performance.now() < end)
  return times
}

const answer = (value: object): void => {
  process.stdout.write(`@${JSON.stringify(value)}\n`)
}

const split = (line: string) => {
  const [what = '', budget = '0'] = line.split('|')
  const words = what.trim().split(' ')
  const sizes = words.map(Number).filter(Number.isFinite)
  return { key: what.trim(), name: words[0]!, form: words[1] ?? '', sizes, budgetMs: Number(budget) }
}

/** Answers until the input ends, then exits: some libraries leave threads behind. */
export const serve = async (open: Open): Promise<never> => {
  const works = new Map<string, Work | undefined>()
  for await (const line of createInterface({ input: process.stdin })) {
    const { key, name, form, sizes, budgetMs } = split(line)
    try {
      if (name === 'memory') {
        answer({ bytes: process.resourceUsage().maxRSS * 1024 })
        continue
      }
      if (!works.has(key)) {
        const work = await open(name, form, sizes)
        works.set(key, work)
        for (let i = 0; work !== undefined && i < WARM_RUNS; i++) await work.run()
      }
      const work = works.get(key)
      if (work === undefined) {
        answer({ absent: 'not offered' })
        continue
      }
      const used = process.cpuUsage()
      const ms = await measure(work, budgetMs)
      const { user, system } = process.cpuUsage(used)
      answer({ ms, cpuMs: (user + system) / 1000 / (ms.length * work.repeats) })
    } catch (error) {
      works.set(key, undefined)
      answer({ absent: String(error).slice(0, 300) })
    }
  }
  process.exit(0)
}

/** A dependency of the bench alone: resolved from here, where `npm ci` puts it, and typed by the caller. */
export const load = async <T>(name: string): Promise<T> => (await import(name)) as T

/** `navigator.gpu` as a page has it, on the adapter named; libraries expect it. */
export const browserGpu = async (adapter: string): Promise<void> => {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  Object.defineProperty(globalThis.navigator, 'gpu', {
    value: create(adapter === '' ? [] : [`adapter=${adapter}`]),
    configurable: true
  })
}

/** Numbers in [-1, 1), the same for every contender of a length. */
export const values = (length: number, seed = 1): Float32Array => {
  let state = seed >>> 0
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

export const MLP = { batch: 64, inputs: 784, hidden: 256, classes: 10, samples: 2048, steps: 10 } as const
