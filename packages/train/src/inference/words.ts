/** A text's words, as data sets in columns have them, and the entities that tags on them say. */
import { entitiesOf } from '@gradmesh/data'
import type { FoundEntity } from './inference.ts'

export interface Word {
  readonly text: string
  /** Places in the text. */
  readonly start: number
  readonly end: number
}

/** Letters and digits with what binds them (`don't`, `@name`, `well-known`, `3.14`); any other sign by itself. */
const WORDS = /[@#]?[\p{L}\p{N}\p{M}_]+(?:['’.\-/:@][\p{L}\p{N}\p{M}_]+)*|\S/gu

export const wordsOf = (text: string): Word[] =>
  Array.from(text.matchAll(WORDS), ({ 0: word, index }) => ({
    text: word,
    start: index,
    end: index + word.length
  }))

export interface Window {
  readonly words: readonly Word[]
  readonly ids: readonly number[]
  /** Each word's first piece. */
  readonly starts: readonly number[]
}

/** As many words at a time as a model of `lengthMax` sees whole; of a word longer than that, its beginning. */
export const windowsOf = (
  text: string,
  encodeWords: (words: readonly string[]) => {
    readonly ids: readonly number[]
    readonly starts: readonly number[]
  },
  lengthMax: number
): Window[] => {
  const words = wordsOf(text)
  const { ids, starts } = encodeWords(words.map(word => word.text))
  const windows: Window[] = []
  for (let first = 0; first < words.length; ) {
    const from = starts[first]!
    let next = first + 1
    while (next < words.length && (starts[next + 1] ?? ids.length) - from <= lengthMax) next++
    windows.push({
      words: words.slice(first, next),
      ids: ids.slice(from, Math.min(from + lengthMax, starts[next] ?? ids.length)),
      starts: starts.slice(first, next).map(start => start - from)
    })
    first = next
  }
  return windows
}

export const inTexts = (text: string, words: readonly (Word & { readonly tag: string })[]): FoundEntity[] =>
  entitiesOf(words.map(({ tag }) => tag)).map(({ type, start, end }) => {
    const [from, to] = [words[start]!.start, words[end - 1]!.end]
    return { type, text: text.slice(from, to), start: from, end: to }
  })
