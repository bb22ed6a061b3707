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

/** One text as a model takes it. */
export interface Row {
  readonly tokens: readonly number[]
  /** For encoders: the type of each token; all 0 when left out. */
  readonly types?: readonly number[]
  /** For models that say what stands at some places: those. */
  readonly picks?: readonly number[]
}

export class Batches {
  readonly #model: Model
  readonly #variables: Variables
  readonly #lengthMax: number
  readonly #inputs: (rows: readonly Row[], shape: Padded) => Inputs
  readonly #picksMax: number | null
  readonly #evaluations = new Map<number, Evaluation>()

  /** `picksMax` of a text, where the model says what stands at some places. */
  constructor(
    model: Model,
    variables: Variables,
    lengthMax: number,
    inputs: (rows: readonly Row[], shape: Padded) => Inputs,
    picksMax: number | null = null
  ) {
    this.#model = model
    this.#variables = variables
    this.#lengthMax = lengthMax
    this.#inputs = inputs
    this.#picksMax = picksMax
  }

  /** Of each text (at most `lengthMax` tokens) what the model's first output says of it, with its rows. */
  async run(texts: readonly Row[]): Promise<Float32Array[]> {
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

  #lengthFor(texts: readonly Row[]): number {
    const longest = texts.reduce((most, { tokens }) => Math.max(most, tokens.length), 1)
    return Math.min(this.#lengthMax, LENGTHS.find(length => length >= longest) ?? this.#lengthMax)
  }

  #evaluationOf(length: number): Evaluation {
    let evaluation = this.#evaluations.get(length)
    if (evaluation === undefined) {
      const picks = this.#picksMax === null ? {} : { picks: BATCH * this.#picksMax }
      evaluation = new Evaluation(this.#model, this.#variables, { batch: BATCH, length, ...picks })
      this.#evaluations.set(length, evaluation)
    }
    return evaluation
  }
}

/** The tokens of a batch, with 0 for padding. */
export const padded = (rows: readonly Row[], { batch, length }: Padded): Uint32Array => {
  const out = new Uint32Array(batch * length)
  rows.forEach(({ tokens }, place) => {
    out.set(tokens, place * length)
  })
  return out
}

/** Inputs of an encoder. */
export const encoderInputs = (rows: readonly Row[], shape: Padded) => {
  const types = new Uint32Array(shape.batch * shape.length)
  rows.forEach((row, place) => {
    types.set(row.types ?? [], place * shape.length)
  })
  const lengthOf = (place: number): number => rows[place]?.tokens.length ?? 1
  const lengths = Uint32Array.from({ length: shape.batch }, (_, place) => Math.max(1, lengthOf(place)))
  return { tokens: padded(rows, shape), types, lengths }
}

/** The rows asked for in a batch, `picksMax` of each text; unused ones are row 0. */
export const picked = (rows: readonly Row[], { batch, length }: Padded, picksMax: number): Uint32Array => {
  const out = new Uint32Array(batch * picksMax)
  rows.forEach(({ picks = [] }, place) => {
    picks.forEach((pick, i) => {
      out[place * picksMax + i] = place * length + pick
    })
  })
  return out
}

/** What each token of a batch counts: in its text's mean, unless told otherwise. */
export const shares = (
  rows: readonly Row[],
  shape: Padded,
  shareOf = (count: number): number => 1 / count
): Float32Array => {
  const out = new Float32Array(shape.batch * shape.length)
  rows.forEach(({ tokens }, place) => {
    out.fill(shareOf(tokens.length), place * shape.length, place * shape.length + tokens.length)
  })
  return out
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
