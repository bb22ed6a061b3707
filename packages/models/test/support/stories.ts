/** The pretrained model of `../shared/data/model-stories260k`, with a few lines that read its vocabulary. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const SHARED = fileURLToPath(new URL('../../../../../shared/data/', import.meta.url))
export const STORIES = join(SHARED, 'model-stories260k')

export const hasStories = existsSync(join(STORIES, 'model.safetensors'))

/** int32 longest token, then for each token a float32 score, its int32 length and its UTF-8 bytes. */
export const readVocabulary = (): string[] => {
  const bytes = readFileSync(join(STORIES, 'tok512.bin'))
  const words: string[] = []
  for (let at = 4; at < bytes.length; ) {
    const length = bytes.readInt32LE(at + 4)
    words.push(bytes.toString('utf8', at + 8, at + 8 + length))
    at += 8 + length
  }
  return words
}

/** The first space after the beginning of a text belongs to the tokenizer. */
export const textOf = (tokens: readonly number[], words: readonly string[]): string =>
  tokens
    .map(token => words[token]!)
    .map(word => (/^<0x..>$/.test(word) ? String.fromCharCode(Number(word.slice(1, 5))) : word))
    .join('')
    .replace(/^ /, '')

/**
 * The merging of the best score, word by word (a word begins with its space); what the vocabulary has not, as
 * its bytes. Scores are those that stand before each length.
 */
export const encoder = (): ((text: string) => number[]) => {
  const bytes = readFileSync(join(STORIES, 'tok512.bin'))
  const scores: number[] = []
  for (let at = 4; at < bytes.length; at += 8 + bytes.readInt32LE(at + 4)) scores.push(bytes.readFloatLE(at))
  const words = readVocabulary()
  const known = new Map(words.map((word, token) => [word, token]))
  const encodeWord = (word: string): number[] => {
    const tokens = [...word].flatMap(character => {
      const token = known.get(character)
      return token === undefined ? [...Buffer.from(character)].map(byte => byte + 3) : [token]
    })
    for (;;) {
      let best = { score: -Infinity, at: -1, token: -1 }
      for (let at = 0; at + 1 < tokens.length; at++) {
        const token = known.get(words[tokens[at]!]! + words[tokens[at + 1]!]!)
        if (token !== undefined && scores[token]! > best.score) best = { score: scores[token]!, at, token }
      }
      if (best.at < 0) return tokens
      tokens.splice(best.at, 2, best.token)
    }
  }
  const seen = new Map<string, number[]>()
  return text =>
    ` ${text}`.match(/\n| ?[^ \n]+| /g)!.flatMap(word => {
      let tokens = seen.get(word)
      if (tokens === undefined) {
        tokens = encodeWord(word)
        seen.set(word, tokens)
      }
      return tokens
    })
}
