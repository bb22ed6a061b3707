/** Text from a decoder: tokens become text, and a text ends where it was asked to. */
import { Detokenizer, type Tokenizer } from '@gradmesh/data'
import { type Finish, type Generator, logChances, type Sampled } from '@gradmesh/models'
import {
  badPrompt,
  type GenerateAsk,
  type Generation,
  type TextPiece,
  type TokenChance
} from './inference.ts'
import { StopFinder } from './stop-finder.ts'

export interface PromptRules {
  readonly tokenizer: Tokenizer
  /** Put before every text. */
  readonly begin: readonly number[]
  /** Stands for an empty text. */
  readonly empty: readonly number[]
  /** Tokens that end a text. */
  readonly stop: readonly number[]
}

export const promptTokens = (
  { tokenizer, begin, empty }: PromptRules,
  prompt: string | readonly number[]
): readonly number[] => {
  const tokens = typeof prompt === 'string' ? [...begin, ...tokenizer.encode(prompt)] : prompt
  return tokens.length === 0 ? empty : tokens
}

/** @throws MeshError `INFERENCE_PROMPT` */
export const checkPrompt = (tokens: readonly number[], lengthMax: number, vocabulary: number): void => {
  if (tokens.length > lengthMax)
    throw badPrompt(
      `the prompt has ${tokens.length} tokens, the model takes ${lengthMax}`,
      `give at most ${lengthMax} tokens`,
      { tokens: tokens.length, most: lengthMax }
    )
  const stranger = tokens.find(token => !Number.isInteger(token) || token < 0 || token >= vocabulary)
  if (stranger !== undefined)
    throw badPrompt(
      `${stranger} is no token of the model`,
      `give tokens from 0 to ${vocabulary - 1}, or text`
    )
}

export const generateText = (generator: Generator, rules: PromptRules, ask: GenerateAsk): Generation => {
  const { tokenizer } = rules
  const prompt = promptTokens(rules, ask.prompt)
  checkPrompt(prompt, generator.lengthMax, tokenizer.vocabulary)
  return { promptTokens: prompt.length, pieces: pieces(generator, rules, prompt, ask) }
}

async function* pieces(
  generator: Generator,
  { tokenizer, stop }: PromptRules,
  prompt: readonly number[],
  ask: GenerateAsk
): AsyncGenerator<TextPiece, Finish> {
  const detokenizer = new Detokenizer(tokenizer, prompt)
  const stops = new StopFinder(ask.stop ?? [])
  const { tokensMax, alternatives } = ask
  const tokens = generator.sampled(prompt, { ...ask, tokensMax, stop })
  let before = prompt.at(-1)!
  for (;;) {
    const { value, done } = await tokens.next()
    if (done === true) {
      const rest = stops.push(detokenizer.end())
      const text = rest.stopped ? rest.text : rest.text + stops.end()
      if (text !== '') yield { text, token: null, chance: null }
      return rest.stopped ? 'stop' : value
    }
    const { token } = value
    const { text, stopped } = stops.push(detokenizer.push(token))
    yield {
      text,
      token,
      chance: alternatives === undefined ? null : chanceOf(tokenizer, before, value, alternatives)
    }
    if (stopped) return 'stop'
    before = token
  }
}

const chanceOf = (
  tokenizer: Tokenizer,
  before: number,
  { token, logits }: Sampled,
  alternatives: number
): TokenChance => {
  const chances = logChances(logits)
  const told = (id: number) => ({ text: textOf(tokenizer, before, id), logChance: chances[id]! })
  const order = Uint32Array.from(chances.keys()).sort((a, b) => chances[b]! - chances[a]! || a - b)
  return { ...told(token), likeliest: Array.from(order.subarray(0, alternatives), told) }
}

/** As it reads behind another token; what is no text by itself goes by its piece. */
const textOf = (tokenizer: Tokenizer, before: number, token: number): string => {
  const lead = tokenizer.decode([before])
  const text = tokenizer.decode([before, token]).slice(lead.length)
  return text === '' || text.includes('\ufffd') ? (tokenizer.tokenOf(token) ?? '') : text
}
