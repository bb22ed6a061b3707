/** A text's words, as data sets in columns have them, and the entities that tags on them say. */
import { entitiesOf } from '@gradmesh/data'
import type { FoundEntity } from './inference.ts'

export interface Word {
  readonly text: string
  /** Places in the text. */
  readonly start: number
  readonly end: number
}

/** Addresses; letters and digits with what binds them (`don't`, `@name`, `well-known`, `3.14`); any other sign by itself. */
const WORDS =
  /(?:https?:\/\/|www\.)\S*[\p{L}\p{N}/]|[@#]?[\p{L}\p{N}\p{M}_]+(?:['’.\-/:@][\p{L}\p{N}\p{M}_]+)*|\S/gu

/** A sign that announces a name or a subject; the word; an English ending. */
const PARTS =
  /^((?:[@#]+(?=[\p{L}\p{N}_]))?)(.+?)((?:(?<=\p{L})n['’]t|(?<=[\p{L}\p{N}])['’](?:s|m|d|re|ve|ll))?)$/isu

/** `@name` is two words, and so are `don't` and `Ann's`: data in columns part them, and learning went by those. */
const partsOf = (word: string): readonly string[] =>
  (PARTS.exec(word)?.slice(1) ?? [word]).filter(part => part !== '')

export const wordsOf = (text: string): Word[] =>
  Array.from(text.matchAll(WORDS)).flatMap(({ 0: word, index }) => {
    let end = index
    return partsOf(word).map(part => {
      const start = end
      end += part.length
      return { text: part, start, end }
    })
  })

/** Words as an encoder sees them: pieces, and what their words look like. */
export interface EncodedWords {
  readonly ids: readonly number[]
  readonly types: readonly number[]
  /** Each word's first piece. */
  readonly starts: readonly number[]
}

export interface Window extends EncodedWords {
  readonly words: readonly Word[]
}

/** As many words at a time as a model of `lengthMax` sees whole; of a word longer than that, its beginning. */
export const windowsOf = (
  text: string,
  encode: (words: readonly string[]) => EncodedWords,
  lengthMax: number
): Window[] => {
  const words = wordsOf(text)
  const { ids, types, starts } = encode(words.map(word => word.text))
  const windows: Window[] = []
  for (let first = 0; first < words.length; ) {
    const from = starts[first]!
    let next = first + 1
    while (next < words.length && (starts[next + 1] ?? ids.length) - from <= lengthMax) next++
    const end = Math.min(from + lengthMax, starts[next] ?? ids.length)
    windows.push({
      words: words.slice(first, next),
      ids: ids.slice(from, end),
      types: types.slice(from, end),
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
