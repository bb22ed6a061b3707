/**
 * Text, token by token. Keys and values of past tokens stay on the device, so a token costs one forward pass of
 * one row, whatever came before. Prompts go in by pieces, the largest that fit. Never more than one pass is under way:
 * on a device that trains as well, a token takes its turn between two steps.
 */
import { MeshError, Prng } from '@gradmesh/core'
import type { Model } from './models/model.ts'
import { penalised, type SampleOptions, sampleToken } from './sampling.ts'
import { Evaluation } from './training.ts'
import type { Variables } from './variables.ts'

export interface GenerateOptions extends SampleOptions {
  readonly tokensMax: number
  /** Ends after it; it is not given. */
  readonly stop?: readonly number[]
}

export interface Sampled {
  readonly token: number
  /** Of the place that the token was chosen for, without penalties: (vocabulary). */
  readonly logits: Float32Array
}

/** Why a text ended: by a token that stops it, or by the count of tokens or positions. */
export type Finish = 'stop' | 'length'

/** Tokens of a pass. Each has its program, for places in the cache are written once: pieces can't be padded. */
const PIECES = [32, 8, 1] as const

/** A decoder with a cache for one sequence at a time. */
export class Generator {
  readonly #variables: Variables
  readonly #passes: ReadonlyMap<number, Evaluation>
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
    const pass = (length: number) => new Evaluation(model, variables, { batch: 1, length, cached: true })
    const lengths = PIECES.filter(length => length <= config.lengthMax)
    this.#passes = new Map(lengths.map(length => [length, pass(length)]))
  }

  /** Tokens that a prompt and its text may have together, but for the last, which is never fed. */
  get lengthMax(): number {
    return this.#lengthMax
  }

  /**
   * Tokens that follow the prompt, as they come. Throws MODEL_INPUT for an empty prompt, one that is longer
   * than the model's positions, or a token that it has not. Ends where positions end.
   */
  async *generate(prompt: readonly number[], options: GenerateOptions): AsyncGenerator<number> {
    for await (const { token } of this.sampled(prompt, options)) yield token
  }

  /** The same with the logits that each token was chosen from, and why it ended. */
  async *sampled(prompt: readonly number[], options: GenerateOptions): AsyncGenerator<Sampled, Finish> {
    this.#check(prompt)
    const prng = new Prng(options.seed ?? 'generate')
    this.#variables.clear('cache ')
    let pass = await this.#read(prompt)
    const text: number[] = []
    for (let at = prompt.length; text.length < options.tokensMax && at <= this.#lengthMax; at++) {
      const [logits] = await pass.logits()
      const token = sampleToken(penalised(logits!, prompt, text, options), options, prng)
      if (options.stop?.includes(token) === true) return 'stop'
      text.push(token)
      yield { token, logits: logits! }
      if (at < this.#lengthMax && text.length < options.tokensMax) pass = this.#feed([token], at)
    }
    return 'length'
  }

  free(): void {
    for (const pass of this.#passes.values()) pass.free()
  }

  /** The pass that fed the prompt's end. */
  async #read(prompt: readonly number[]): Promise<Evaluation> {
    for (let at = 0; ; ) {
      const length = [...this.#passes.keys()].find(piece => piece <= prompt.length - at)!
      const pass = this.#feed(prompt.slice(at, at + length), at)
      at += length
      if (at === prompt.length) return pass
      await this.#variables.device.idle()
    }
  }

  /** As many tokens as a pass takes, from position `at` on. */
  #feed(tokens: readonly number[], at: number): Evaluation {
    const { length } = tokens
    const pass = this.#passes.get(length)!
    pass.run(
      {
        tokens: Uint32Array.from(tokens),
        positions: Uint32Array.from({ length }, (_, i) => at + i),
        last: Uint32Array.of(length - 1)
      },
      { keys: at + length }
    )
    return pass
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
