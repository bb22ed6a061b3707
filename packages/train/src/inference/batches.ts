/**
 * A model over any number of texts, a few at a time, each batch padded to the next of a few lengths, so that few
 * programs serve all. One batch is under way at a time: on a device that trains as well, it takes its turn.
 */
import { Evaluation, type Inputs, type Model, type Variables } from '@gradmesh/models'

const BATCH = 8
const LENGTHS = [32, 128, 512, 2048]

export interface Padded {
  readonly batch: number
  readonly length: number
}

export class Batches {
  readonly #model: Model
  readonly #variables: Variables
  readonly #lengthMax: number
  readonly #inputs: (texts: readonly (readonly number[])[], shape: Padded) => Inputs
  readonly #evaluations = new Map<number, Evaluation>()

  constructor(
    model: Model,
    variables: Variables,
    lengthMax: number,
    inputs: (texts: readonly (readonly number[])[], shape: Padded) => Inputs
  ) {
    this.#model = model
    this.#variables = variables
    this.#lengthMax = lengthMax
    this.#inputs = inputs
  }

  /** Of each text (at most `lengthMax` tokens) what the model's first output says of it, with its rows. */
  async run(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const found: Float32Array[] = []
    for (let at = 0; at < texts.length; at += BATCH) {
      const some = texts.slice(at, at + BATCH)
      const shape = { batch: BATCH, length: this.#lengthFor(some) }
      const evaluation = this.#evaluationOf(shape.length)
      evaluation.run(this.#inputs(some, shape))
      const [output] = await evaluation.logits()
      const each = output!.length / BATCH
      found.push(...some.map((_, i) => output!.slice(i * each, (i + 1) * each)))
    }
    return found
  }

  free(): void {
    for (const evaluation of this.#evaluations.values()) evaluation.free()
    this.#evaluations.clear()
  }

  #lengthFor(texts: readonly (readonly number[])[]): number {
    const longest = texts.reduce((most, { length }) => Math.max(most, length), 1)
    return Math.min(this.#lengthMax, LENGTHS.find(length => length >= longest) ?? this.#lengthMax)
  }

  #evaluationOf(length: number): Evaluation {
    let evaluation = this.#evaluations.get(length)
    if (evaluation === undefined) {
      evaluation = new Evaluation(this.#model, this.#variables, { batch: BATCH, length })
      this.#evaluations.set(length, evaluation)
    }
    return evaluation
  }
}

/** The tokens of a batch, with 0 for padding. */
export const padded = (texts: readonly (readonly number[])[], { batch, length }: Padded): Uint32Array => {
  const tokens = new Uint32Array(batch * length)
  texts.forEach((text, place) => {
    tokens.set(text, place * length)
  })
  return tokens
}

/** Inputs of an encoder. */
export const encoderInputs = (texts: readonly (readonly number[])[], shape: Padded) => ({
  tokens: padded(texts, shape),
  types: new Uint32Array(shape.batch * shape.length),
  lengths: Uint32Array.from({ length: shape.batch }, (_, place) => Math.max(1, texts[place]?.length ?? 1))
})

/** What each row of a batch counts in its text's mean. */
export const meanShares = (texts: readonly (readonly number[])[], shape: Padded): Float32Array => {
  const shares = new Float32Array(shape.batch * shape.length)
  texts.forEach(({ length }, place) => {
    shares.fill(1 / length, place * shape.length, place * shape.length + length)
  })
  return shares
}

/** As long as 1; a vector of nothing but zeros stays. */
export const normalised = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return length === 0 ? vector : vector.map(value => value / length)
}

/** Shares out of logits. */
export const softmax = (logits: Float32Array): number[] => {
  const top = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const weights = Array.from(logits, value => Math.exp(value - top))
  const total = weights.reduce((a, b) => a + b)
  return weights.map(weight => weight / total)
}
