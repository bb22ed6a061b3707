/**
 * Learns a byte-level BPE (Sennrich et al. 2016) from texts: the pair of neighbouring pieces that occurs most often
 * becomes a piece, again and again. The same texts in any order give the same tokenizer: ties go to the pair whose
 * pieces are older.
 */
import { MeshError, utf8 } from '@gradmesh/core'
import { BYTE_CHARACTERS, preTokenize } from './byte-level.ts'

export interface BpeOptions {
  /** How many tokens in all; fewer when nothing occurs twice any more. */
  readonly vocabulary: number
  /** The first ids, in this order. */
  readonly specials: readonly string[]
  /** Texts are folded to lower case. */
  readonly lowercase?: boolean
  /** A space is put before a text that begins with none, so that its first word is as others are. True when left out. */
  readonly prefixSpace?: boolean
}

interface Word {
  pieces: number[]
  readonly count: number
}

const COUNT_MIN = 2
const VOCABULARY_MAX = 1_000_000
/** Two ids in one exact number. */
const PAIR = 2 ** 20

/** The `tokenizer.json`. Code: `TOKENIZER_SIZE`. */
export const trainBpe = async (
  texts: AsyncIterable<string> | Iterable<string>,
  { vocabulary, specials, lowercase = false, prefixSpace = true }: BpeOptions
): Promise<object> => {
  const first = specials.length + BYTE_CHARACTERS.length
  if (!Number.isInteger(vocabulary) || vocabulary < first || vocabulary > VOCABULARY_MAX)
    throw new MeshError('TOKENIZER_SIZE', `a vocabulary of ${vocabulary} cannot be`, {
      remedy: `choose ${first} (${specials.length} special tokens and 256 bytes) to ${VOCABULARY_MAX}`,
      data: { vocabulary, least: first, most: VOCABULARY_MAX }
    })
  const tokens = [...specials, ...BYTE_CHARACTERS]
  const words = wordsOf(await countWords(texts, lowercase, prefixSpace), specials.length)
  const merges: (readonly [string, string])[] = []
  for (const [left, right] of merging(words, first)) {
    if (tokens.length >= vocabulary) break
    merges.push([tokens[left]!, tokens[right]!])
    tokens.push(tokens[left]! + tokens[right]!)
  }
  return tokenizerJson(tokens, merges, specials, { lowercase, prefixSpace })
}

const countWords = async (
  texts: AsyncIterable<string> | Iterable<string>,
  lowercase: boolean,
  prefixSpace: boolean
): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for await (const text of texts) {
    const spaced = !prefixSpace || /^\s/.test(text) ? text : ` ${text}`
    for (const word of preTokenize(lowercase ? spaced.toLowerCase() : spaced))
      counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

const wordsOf = (counts: ReadonlyMap<string, number>, firstByte: number): Word[] =>
  [...counts].map(([text, count]) => ({ pieces: Array.from(utf8(text), byte => firstByte + byte), count }))

/** Yields the pairs in the order in which they become pieces; the first has the id `next`. */
function* merging(words: readonly Word[], next: number): Generator<readonly [number, number]> {
  const counts = new Map<number, number>()
  /** Which words may hold a pair; some do not any more. */
  const places = new Map<number, Set<number>>()
  const note = (pair: number, by: number, word: number): void => {
    counts.set(pair, (counts.get(pair) ?? 0) + by)
    if (by < 0) return
    const known = places.get(pair)
    if (known === undefined) places.set(pair, new Set([word]))
    else known.add(word)
  }
  for (const [word, { pieces, count }] of words.entries())
    for (let i = 1; i < pieces.length; i++) note(pieces[i - 1]! * PAIR + pieces[i]!, count, word)
  const queue = new Queue(counts)
  for (;;) {
    const pair = queue.next()
    if (pair === undefined) return
    const left = Math.floor(pair / PAIR)
    const right = pair % PAIR
    yield [left, right]
    const changed = new Set<number>()
    for (const place of places.get(pair)!) {
      const word = words[place]!
      const merged = merge(word.pieces, left, right, next)
      if (merged.length === word.pieces.length) continue
      for (const [pieces, by] of [
        [word.pieces, -word.count],
        [merged, word.count]
      ] as const) {
        for (let i = 1; i < pieces.length; i++) {
          const touched = pieces[i - 1]! * PAIR + pieces[i]!
          note(touched, by, place)
          changed.add(touched)
        }
      }
      word.pieces = merged
    }
    counts.delete(pair)
    places.delete(pair)
    for (const touched of changed) queue.add(touched)
    next++
  }
}

const merge = (pieces: readonly number[], left: number, right: number, to: number): number[] => {
  const merged: number[] = []
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) {
      merged.push(to)
      i++
    } else merged.push(pieces[i]!)
  }
  return merged
}

/**
 * Pairs by count, then by age. A binary heap whose entries may be out of date: what an entry says is compared
 * with the counts when it comes up, and every change puts in a new one.
 */
class Queue {
  readonly #counts: ReadonlyMap<number, number>
  readonly #heap: { readonly pair: number; readonly count: number }[] = []

  constructor(counts: ReadonlyMap<number, number>) {
    this.#counts = counts
    for (const pair of counts.keys()) this.add(pair)
  }

  add(pair: number): void {
    const count = this.#counts.get(pair) ?? 0
    if (count < COUNT_MIN) return
    const heap = this.#heap
    let at = heap.push({ pair, count }) - 1
    for (let above = (at - 1) >> 1; at > 0 && this.#isBefore(at, above); above = (at - 1) >> 1) {
      this.#swap(at, above)
      at = above
    }
  }

  next(): number | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined) return undefined
      this.#drop()
      if (this.#counts.get(top.pair) === top.count) return top.pair
    }
  }

  #drop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    heap[0] = last
    for (let at = 0; ; ) {
      let best = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && this.#isBefore(child, best)) best = child
      if (best === at) return
      this.#swap(at, best)
      at = best
    }
  }

  #isBefore(i: number, j: number): boolean {
    const a = this.#heap[i]!
    const b = this.#heap[j]!
    return a.count > b.count || (a.count === b.count && a.pair < b.pair)
  }

  #swap(i: number, j: number): void {
    const held = this.#heap[i]!
    this.#heap[i] = this.#heap[j]!
    this.#heap[j] = held
  }
}

const tokenizerJson = (
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  specials: readonly string[],
  { lowercase, prefixSpace }: Required<Pick<BpeOptions, 'lowercase' | 'prefixSpace'>>
): object => {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: prefixSpace, trim_offsets: true, use_regex: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true
    })),
    normalizer: lowercase ? { type: 'Lowercase' } : null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges
    }
  }
}
