/** One token out of logits: greedy or drawn, with penalties for what the text has already. */
import type { Prng } from '@gradmesh/core'

export interface SampleOptions {
  /** 0 (the default) is greedy: always the most likely token. */
  readonly temperature?: number
  /** Only the k most likely tokens; all when left out. */
  readonly topK?: number
  /** Only the most likely tokens that together have this share; 1 when left out. */
  readonly topP?: number
  /** Of the draws. */
  readonly seed?: string
  /** Logits of tokens of prompt and text are divided by it (Keskar et al., 2019); 1 changes nothing. */
  readonly repetitionPenalty?: number
  /** Taken from a token's logit for each time that the text has it. */
  readonly frequencyPenalty?: number
  /** Taken from a token's logit once the text has it. */
  readonly presencePenalty?: number
}

/** One token out of logits, greedy or drawn. Ties go to the lower token. */
export const sampleToken = (
  logits: Float32Array,
  { temperature = 0, topK = logits.length, topP = 1 }: SampleOptions,
  prng: Prng
): number => {
  if (temperature === 0) return logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0)
  const order = Uint32Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b)
  const kept = order.subarray(0, Math.max(1, topK))
  const top = logits[kept[0]!]!
  const weights = Float64Array.from(kept, i => Math.exp((logits[i]! - top) / temperature))
  const total = weights.reduce((a, b) => a + b)
  let count = 0
  let share = 0
  while (count < weights.length && (count === 0 || share < topP * total)) share += weights[count++]!
  let draw = (share * prng.u32()) / 2 ** 32
  for (let i = 0; i < count; i++) {
    draw -= weights[i]!
    if (draw < 0) return kept[i]!
  }
  return kept[count - 1]!
}

/** The logits with the options' penalties; they themselves where there are none. `text` follows `prompt`. */
export const penalised = (
  logits: Float32Array,
  prompt: readonly number[],
  text: readonly number[],
  { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 }: SampleOptions
): Float32Array => {
  if (repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0) return logits
  const changed = logits.slice()
  for (const token of new Set([...prompt, ...text])) {
    const logit = changed[token]!
    changed[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
  }
  for (const token of text) changed[token]! -= frequencyPenalty
  for (const token of new Set(text)) changed[token]! -= presencePenalty
  return changed
}

/** Natural logarithms of the tokens' chances. */
export const logChances = (logits: Float32Array): Float64Array => {
  const top = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const total = logits.reduce((sum, value) => sum + Math.exp(value - top), 0)
  return Float64Array.from(logits, value => value - top - Math.log(total))
}
