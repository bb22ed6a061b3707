/**
 * One decoder under fire: first a corpus is grown by coverage, then mutations of it run at full speed, for block
 * counters cost half of it. Inputs follow from the seed alone; a chunk is the unit that a resumed run repeats.
 */
import { Prng, toHex } from '@gradmesh/core'
import { flawOf, judge, memoryFlawOf } from './check.ts'
import { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import type { Target } from './targets.ts'

export interface Crash {
  readonly decoder: string
  readonly flaw: string
  /** Hexadecimal. */
  readonly input: string
}

export interface Corpus {
  readonly inputs: readonly Uint8Array[]
  readonly blocks: number
}

const BATCH = 256
const CORPUS_MAX = 512
export const CHUNK = 16_384

/** Grows a corpus out of the samples with so many inputs. */
export const growCorpus = (target: Target, seed: number, inputs: number): Corpus => {
  const prng = new Prng(`corpus ${seed} ${target.name}`)
  const corpus = [...target.samples]
  const coverage = new Coverage()
  const run = (input: Uint8Array): void => void flawOf(target, input)
  coverage.novel(target.samples, run)
  for (let done = 0; done < inputs && corpus.length < CORPUS_MAX; done += BATCH) {
    const batch = Array.from({ length: BATCH }, () => next(target, corpus, prng))
    corpus.push(...coverage.novel(batch, run))
  }
  const { blocks } = coverage
  coverage.close()
  return { inputs: corpus, blocks }
}

/**
 * The chunk's inputs, at most `runs` of them; gives what went wrong. The longest that was taken is weighed as well:
 * what is refused weighs nothing, and a weighing takes as long as a thousand inputs.
 */
export const fuzzChunk = (
  target: Target,
  corpus: Corpus,
  seed: number,
  chunk: number,
  runs: number = CHUNK
): Crash[] => {
  const prng = new Prng(`fuzz ${seed} ${target.name} ${chunk}`)
  const crashes: Crash[] = []
  let longest: Uint8Array | undefined
  const note = (flaw: string | null, input: Uint8Array): void => {
    if (flaw !== null) crashes.push({ decoder: target.name, flaw, input: toHex(input) })
  }
  for (let i = 0; i < runs; i++) {
    const input = next(target, corpus.inputs, prng)
    const { flaw, isTaken } = judge(target, input)
    note(flaw, input)
    if (isTaken && input.length > (longest?.length ?? -1)) longest = input
  }
  if (longest !== undefined) note(memoryFlawOf(target, longest), longest)
  return crashes
}

const next = (target: Target, corpus: readonly Uint8Array[], prng: Prng): Uint8Array => {
  const input = mutate(corpus, prng, target.bytesMax)
  return target.repair !== undefined && prng.oneIn(2) ? target.repair(input) : input
}
