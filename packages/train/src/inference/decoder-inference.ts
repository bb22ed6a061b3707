/** What a decoder can be asked: text and vectors. */
import { Generator, type Model, type Variables } from '@gradmesh/models'
import { writeTrainable } from '../models/weights.ts'
import { Batches, normalised, padded, shares } from './batches.ts'
import type { Embedded, Inference } from './inference.ts'
import { checkPrompt, generateText, type PromptRules, promptTokens } from './text-generator.ts'

export interface DecoderParts {
  readonly model: Model
  /** The same with the head `embedding`. */
  readonly embedding: Model
  /** Holds what does not train; owned from here on. */
  readonly variables: Variables
  readonly rules: PromptRules
  readonly lengthMax: number
}

export const decoderInference = ({
  model,
  embedding,
  variables,
  rules,
  lengthMax
}: DecoderParts): Inference => {
  let generator: Generator | undefined
  const batches = new Batches(embedding, variables, lengthMax, (rows, shape) => ({
    tokens: padded(rows, shape),
    shares: shares(rows, shape)
  }))
  return {
    load: weights => writeTrainable(model, variables, weights),
    generate(ask) {
      generator ??= new Generator(model, variables)
      return generateText(generator, rules, ask)
    },
    async embed(texts): Promise<Embedded[]> {
      const tokens = texts.map(text => promptTokens(rules, text))
      for (const each of tokens) checkPrompt(each, lengthMax, rules.tokenizer.vocabulary)
      const vectors = await batches.run(tokens.map(each => ({ tokens: each })))
      return vectors.map((vector, i) => ({ tokens: tokens[i]!.length, vector: normalised(vector) }))
    },
    free() {
      generator?.free()
      batches.free()
      variables.free()
    }
  }
}
