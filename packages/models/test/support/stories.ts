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
