/** What a word looks like, for names that were never seen: capitals, digits, signs that announce one. */
import type { Tokenizer } from '@gradmesh/data'
import type { EncodedWords } from '../inference/words.ts'

const SHAPES = [
  /^@+$/, // the next is somebody's name
  /^#+$/, // or a subject
  /^(https?:|www\.)/i,
  /^[^\p{L}\p{N}]+$/u,
  /\p{N}/u,
  /^\p{Lu}$/u,
  /^\p{Lu}[\p{Lu}.&'-]+$/u,
  /^\p{Lu}[^\p{Lu}]*$/u,
  /\p{Lu}/u
] as const

/** Words of none of these shapes, and the start of a sentence. */
const PLAIN = SHAPES.length
const START = PLAIN + 1

/** Pairs of shapes: of a word and the one before it. */
export const PAIRS = (START + 1) ** 2

export const shapePairs = (words: readonly string[]): readonly number[] => {
  let before = START
  return words.map(word => {
    const found = SHAPES.findIndex(shape => shape.test(word))
    const shape = found === -1 ? PLAIN : found
    const pair = shape * (START + 1) + before
    before = shape
    return pair
  })
}

/** The one way from words to what the encoder sees, in training and when it is asked. */
export const encodeTagged = (
  tokenizer: Pick<Tokenizer, 'encodeWords'>,
  words: readonly string[]
): EncodedWords => {
  const { ids, starts } = tokenizer.encodeWords(words)
  return { ids, types: pieceShapes(words, starts, ids.length), starts }
}

/** Of each of `length` pieces the pair of its word; `starts`: each word's first piece. */
const pieceShapes = (words: readonly string[], starts: readonly number[], length: number): number[] => {
  const pairs = shapePairs(words)
  const shapes = new Array<number>(length).fill(0)
  starts.forEach((start, word) => {
    shapes.fill(pairs[word]!, start, starts[word + 1] ?? length)
  })
  return shapes
}
