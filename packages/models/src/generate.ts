/**
 * Text, token by token. Keys and values of past tokens stay on the device, so a token costs one forward pass of
 * one row, whatever came before. Prompts go in by pieces of `PIECE` tokens.
 */
import { MeshError, Prng } from '@gradmesh/core'
import type { Model } from './models/model.ts'
import { Evaluation } from './training.ts'
import type { Variables } from './variables.ts'

export interface SampleOptions {
  /** 0 (the default) is greedy: always the most likely token. */
  readonly temperature?: number
  /** Only the k most likely tokens; all when left out. */
  readonly topK?: number
  /** Only the most likely tokens that together have this share; 1 when left out. */
  readonly topP?: number
  /** Of the draws. */
  readonly seed?: string
}

export interface GenerateOptions extends SampleOptions {
  readonly tokensMax: number
  /** Ends after it; it is not given. */
  readonly stop?: readonly number[]
}

const PIECE = 32

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

/** A decoder with a cache for one sequence at a time. */
export class Generator {
  readonly #variables: Variables
  readonly #one: Evaluation
  readonly #many: Evaluation
  readonly #vocabSize: number
  readonly #lengthMax: number

  /** Throws MODEL_HEAD unless the model is a causal decoder. */
  constructor(model: Model, variables: Variables) {
    const { config, head } = model
    if (head !== 'causal' || (config.type !== 'llama' && config.type !== 'gpt2')) {
      throw new MeshError('MODEL_HEAD', `a model of type ${config.type} for ${head} can't generate`, {
        remedy: 'use a llama or gpt2 with its causal head',
        data: { type: config.type, head }
      })
    }
    this.#variables = variables
    this.#vocabSize = config.vocabSize
    this.#lengthMax = config.lengthMax
    this.#one = new Evaluation(model, variables, { batch: 1, length: 1, cached: true })
    this.#many = new Evaluation(model, variables, { batch: 1, length: PIECE, cached: true })
  }

  /**
   * Tokens that follow the prompt, as they come. Throws MODEL_INPUT for an empty prompt, one that is longer
   * than the model's positions, or a token that it has not. Ends where positions end.
   */
  async *generate(prompt: readonly number[], options: GenerateOptions): AsyncGenerator<number> {
    this.#check(prompt)
    const prng = new Prng(options.seed ?? 'generate')
    this.#variables.clear('cache ')
    let at = 0
    while (prompt.length - at > PIECE) {
      this.#feed(this.#many, prompt.slice(at, at + PIECE), at)
      at += PIECE
    }
    while (at < prompt.length) this.#feed(this.#one, [prompt[at]!], at++)
    for (let count = 0; count < options.tokensMax && at <= this.#lengthMax; count++) {
      const [logits] = await this.#one.logits()
      const token = sampleToken(logits!, options, prng)
      if (options.stop?.includes(token) === true) return
      yield token
      if (at < this.#lengthMax) this.#feed(this.#one, [token], at)
      at++
    }
  }

  free(): void {
    this.#one.free()
    this.#many.free()
  }

  #feed(evaluation: Evaluation, tokens: readonly number[], at: number): void {
    const length = tokens.length
    evaluation.run(
      {
        tokens: Uint32Array.from(tokens),
        positions: Uint32Array.from({ length }, (_, i) => at + i),
        last: Uint32Array.of(length - 1)
      },
      { keys: at + length }
    )
  }

  #check(prompt: readonly number[]): void {
    const stranger = prompt.find(
      token => !Number.isSafeInteger(token) || token < 0 || token >= this.#vocabSize
    )
    if (prompt.length > 0 && prompt.length <= this.#lengthMax && stranger === undefined) return
    throw new MeshError('MODEL_INPUT', `a prompt of ${prompt.length} tokens can't be continued`, {
      remedy: `give 1 to ${this.#lengthMax} tokens below ${this.#vocabSize}`,
      data: { length: prompt.length, token: stranger ?? null }
    })
  }
}
