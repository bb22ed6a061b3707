/**
 * Text to numbers and back, as a `tokenizer.json` of Hugging Face's says: WordPiece, byte-level BPE, and what was
 * made of sentencepiece models. The engine is `@huggingface/tokenizers`; this is our door to it.
 */
import { MeshError } from '@gradmesh/core'
import { Tokenizer as Engine } from '@huggingface/tokenizers'

export interface Tokenizer {
  /** Ids are 0..vocabulary-1. */
  readonly vocabulary: number
  /** Without special tokens. */
  encode(text: string): number[]
  /**
   * Words that the data have split already: all their pieces, and where each word's first piece stands. A word of
   * which nothing is left (only characters that the tokenizer drops) has the unknown token for its piece.
   */
  encodeWords(words: readonly string[]): { readonly ids: number[]; readonly starts: number[] }
  decode(ids: readonly number[]): string
  /** Undefined when there is no such token. */
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  /** The first of these names that the vocabulary has: `special('[PAD]', '<pad>')`. Code: `TOKENIZER_SPECIAL`. */
  special(...names: readonly string[]): number
}

/** Words recur; what the engine made of the newest is kept. */
const CACHE_MAX = 65_536

/** `json` is a parsed `tokenizer.json`, `config` a parsed `tokenizer_config.json`. Code: `TOKENIZER_FORMAT`. */
export const openTokenizer = (json: object, config: object = {}): Tokenizer => {
  const engine = load(json, config)
  const vocabulary = sizeOf(engine)
  const cache = new Map<string, readonly number[]>()

  const encode = (text: string): number[] => engine.encode(text, { add_special_tokens: false }).ids
  const idOf = (token: string): number | undefined => engine.token_to_id(token)
  const unknown = UNKNOWN.map(idOf).find(id => id !== undefined) ?? 0

  const encodeWord = (word: string): readonly number[] => {
    const known = cache.get(word)
    if (known !== undefined) return known
    const ids = encode(word)
    if (cache.size >= CACHE_MAX) cache.clear()
    const pieces = ids.length === 0 ? [unknown] : ids
    cache.set(word, pieces)
    return pieces
  }

  return {
    vocabulary,
    encode,
    encodeWords(words) {
      const ids: number[] = []
      const starts: number[] = []
      for (const word of words) {
        starts.push(ids.length)
        ids.push(...encodeWord(word))
      }
      return { ids, starts }
    },
    decode: ids => (ids.length === 0 ? '' : engine.decode([...ids], PLAIN)),
    idOf,
    tokenOf: id => engine.id_to_token(id),
    special(...names) {
      const id = names.map(idOf).find(found => found !== undefined)
      if (id !== undefined) return id
      throw new MeshError('TOKENIZER_SPECIAL', `the tokenizer has no token ${names.join(' or ')}`, {
        remedy: 'choose the tokenizer that belongs to the model, or train one with this special token',
        data: { names: names.join(' ') }
      })
    }
  }
}

/** What was encoded comes back; the engine would tidy the spaces before signs. */
const PLAIN = { skip_special_tokens: true, clean_up_tokenization_spaces: false }

const UNKNOWN = ['[UNK]', '<unk>', '<|endoftext|>'] as const

const load = (json: object, config: object): Engine => {
  const { model } = json as { model?: { vocab?: unknown } }
  if (typeof model !== 'object' || model === null || typeof model.vocab !== 'object')
    throw format('it has no model with a vocabulary')
  try {
    return new Engine(json, config)
  } catch (cause) {
    throw format(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const sizeOf = (engine: Engine): number => {
  let last = -1
  for (const id of engine.get_vocab().values()) last = Math.max(last, id)
  if (last < 0) throw format('its vocabulary is empty')
  return last + 1
}

const format = (what: string, cause?: unknown): MeshError =>
  new MeshError('TOKENIZER_FORMAT', `the tokenizer cannot be used: ${what}`, {
    remedy: "give the model's own tokenizer.json (and tokenizer_config.json)",
    cause
  })
