/**
 * A sentencepiece BPE vocabulary as a `tokenizer.json`. There a pair is merged when the piece that it makes has the
 * best score of all that could be made; as an ordered list: every split of every piece, best piece first.
 */
import { MeshError } from '@gradmesh/core'

export interface ScoredPiece {
  /** With `▁` where a word begins. */
  readonly text: string
  readonly score: number
}

/** Pieces 0, 1 and 2 are unknown, begin and end of text; `<0x00>` … `<0xFF>` stand for bytes without a piece. */
export const sentencePieceJson = (pieces: readonly ScoredPiece[]): object => {
  const ids = new Map(pieces.map(({ text }, id) => [text, id]))
  const merges = pieces
    .map((piece, id) => ({ ...piece, id }))
    .filter(({ text, id }) => id > 2 && !IS_BYTE.test(text) && [...text].length > 1)
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .flatMap(({ text }) => splitsOf(text, ids))
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: pieces.slice(0, 3).map(({ text }, id) => ({
      id,
      content: text,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
      ]
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 }
      ]
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: pieces[0]!.text,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(ids),
      merges
    }
  }
}

/**
 * The pieces of a tokenizer file of llama2.c: the longest token's length, then for each token an f32 score, an i32
 * length and so many bytes, all little-endian. Code: `TOKENIZER_FORMAT`.
 */
export const readLlama2cPieces = (bytes: Uint8Array): ScoredPiece[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const pieces: ScoredPiece[] = []
  for (let at = 4; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw torn(at)
    const score = view.getFloat32(at, true)
    const length = view.getInt32(at + 4, true)
    at += 8
    if (length < 0 || at + length > bytes.length) throw torn(at)
    const text = decoder.decode(bytes.subarray(at, at + length))
    at += length
    pieces.push({ text: pieces.length < 3 ? text.trim() : text.replaceAll(' ', '▁'), score })
  }
  if (pieces.length < 3) throw torn(bytes.length)
  return pieces
}

const IS_BYTE = /^<0x[0-9A-F]{2}>$/

const splitsOf = (text: string, ids: ReadonlyMap<string, number>): [string, string][] => {
  const characters = [...text]
  const splits: [string, string][] = []
  for (let i = 1; i < characters.length; i++) {
    const left = characters.slice(0, i).join('')
    const right = characters.slice(i).join('')
    if (ids.has(left) && ids.has(right)) splits.push([left, right])
  }
  return splits.sort((a, b) => ids.get(a[0])! - ids.get(b[0])! || ids.get(a[1])! - ids.get(b[1])!)
}

const torn = (at: number): MeshError =>
  new MeshError('TOKENIZER_FORMAT', `the tokenizer file is damaged at byte ${at}`, {
    remedy: 'get the file again from where the model came from',
    data: { at }
  })
