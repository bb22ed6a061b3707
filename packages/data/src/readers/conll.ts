/** Tagged sentences in columns: a token a line, an empty line after each sentence (CoNLL-2003 and its kin). */
import { badFormat } from '../errors.ts'
import { linesOf } from './lines.ts'

export interface TaggedSentence {
  readonly tokens: readonly string[]
  /** One for each token, as the file has them. */
  readonly tags: readonly string[]
}

export interface ConllColumns {
  /** From 0; a negative one counts from the end. */
  readonly token: number
  readonly tag: number
}

const TOKENS_MAX = 100_000
const COLUMNS: ConllColumns = { token: 0, tag: -1 }

/** Columns part at tabs or spaces; `-DOCSTART-` lines are left out. Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export async function* readConll(
  path: string,
  columns: ConllColumns = COLUMNS
): AsyncGenerator<TaggedSentence> {
  let tokens: string[] = []
  let tags: string[] = []
  for await (const { number, text } of linesOf(path)) {
    if (text.trim() === '') {
      if (tokens.length > 0) yield { tokens, tags }
      tokens = []
      tags = []
      continue
    }
    if (text.startsWith('-DOCSTART-')) continue
    const fields = text.trim().split(/[\t ]+/)
    const token = fields.at(columns.token)
    const tag = fields.at(columns.tag)
    if (fields.length < 2 || token === undefined || tag === undefined)
      throw badFormat(path, number, `a token and a tag wanted, found "${text.slice(0, 60)}"`)
    if (!IS_TAG.test(tag)) throw badFormat(path, number, `"${tag}" is no tag: O, B-X or I-X wanted`)
    tokens.push(token)
    tags.push(tag)
    if (tokens.length > TOKENS_MAX)
      throw badFormat(path, number, `more than ${TOKENS_MAX} tokens without an empty line`)
  }
  if (tokens.length > 0) yield { tokens, tags }
}

const IS_TAG = /^(?:O|[BI]-\S+)$/
