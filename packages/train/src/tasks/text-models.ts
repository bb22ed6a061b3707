/**
 * What may learn a label for a text. `bag`: a sum of embeddings of the text's pieces and of what neighbouring pieces
 * hash to, which is quick and hard to beat on few thousand texts. `encoder`: one of BERT's shape; with one layer it
 * begins as a bag, for its first token looks at all pieces alike until training has it choose.
 *
 * Both may lose pieces in training, each by a chance: what is left must do (word dropout, Iyyer et al. 2015).
 */
import type { Prng } from '@gradmesh/core'
import { type Inputs, type Model, modelOf, type OptimiserOptions, readConfig } from '@gradmesh/models'
import { encoderInputs, type Padded, padded, type Row, shares } from '../inference/batches.ts'
import type { Recipe, TaskOptions } from '../types.ts'
import { encoderConfig, readEncoder } from './encoder.ts'
import type { OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'

/** Special tokens of the vocabulary, the first ids. */
export const SPECIALS = ['[PAD]', '[UNK]', '[CLS]'] as const
const START = SPECIALS.indexOf('[CLS]')

export interface TextModel {
  readonly model: Model
  readonly options: TaskOptions
  readonly recipe: Recipe
  readonly optimiser: OptimiserOptions
  /** Pieces that texts are cut into. */
  readonly vocabulary: number
  /** Tokens of a row of the batch. */
  readonly length: number
  /** Of a text's pieces, at most `length` tokens; with `random` each piece is left out by the model's chance. */
  rowOf(pieces: readonly number[], random: Prng | null): Row
  inputs(rows: readonly Row[], shape: Padded): Inputs
}

const MODELS = ['bag', 'encoder'] as const

export const readTextModel = (read: OptionReader, classes: number): TextModel =>
  read.oneOf('model', MODELS, 'bag') === 'bag' ? bagOf(read, classes) : encoderOf(read, classes)

/**
 * Most pieces occur a few times in all. Large batches, an epsilon that keeps AdamW from stepping as far for a rare
 * piece as for a common one, and a decay that draws back what few texts said.
 */
const BAG_RECIPE: Recipe = { ...COMMON, rounds: 15, batch: 128, innerRateMicro: 15_000, chunk: 256 }
const BAG_OPTIMISER: OptimiserOptions = { beta1: 0.8, beta2: 0.99, epsilon: 1e-4, normMax: 1 }

const ENCODER_RECIPE: Recipe = { ...COMMON, rounds: 16, batch: 32, innerRateMicro: 4000, chunk: 128 }
const ENCODER_OPTIMISER: OptimiserOptions = { beta1: 0.8, beta2: 0.99, decay: 0.1, normMax: 1 }

const bagOf = (read: OptionReader, classes: number): TextModel => {
  const whole = (name: string, least: number, most: number, otherwise: number): number =>
    read.whole(name, { least, most, otherwise })
  const options = {
    vocabulary: whole('vocabulary', 300, 100_000, 16_384),
    /** Of pieces. */
    length: whole('length', 8, 4096, 64),
    width: whole('width', 4, 8192, 32),
    /** Neighbours that count together, at most. */
    grams: whole('grams', 1, 5, 1),
    buckets: whole('buckets', 1, 2 ** 22, 16_384),
    dropoutPercent: whole('dropoutPercent', 0, 90, 0),
    dropPiecesPercent: whole('dropPiecesPercent', 0, 90, 40),
    decayPercent: whole('decayPercent', 0, 1000, 100)
  }
  const { vocabulary, grams, buckets, dropPiecesPercent, decayPercent } = options
  const length = options.length * grams
  const config = {
    model_type: 'bag',
    vocab_size: vocabulary + (grams > 1 ? buckets : 0),
    hidden_size: options.width,
    hidden_dropout_prob: options.dropoutPercent / 100,
    num_labels: classes
  }
  return {
    model: modelOf(readConfig(config), 'sequence'),
    options: { model: 'bag', ...options },
    recipe: BAG_RECIPE,
    optimiser: { ...BAG_OPTIMISER, decay: decayPercent / 100 },
    vocabulary,
    length,
    rowOf(pieces, random) {
      const all = withGrams(pieces.slice(0, options.length), grams, vocabulary, buckets)
      return { tokens: random === null ? all : keptOf(all, dropPiecesPercent, random) }
    },
    inputs: (rows, shape) => ({
      tokens: padded(rows, shape),
      // By the root, so that long texts and short ones come out about as large.
      shares: shares(rows, shape, count => 1 / Math.sqrt(count))
    })
  }
}

const encoderOf = (read: OptionReader, classes: number): TextModel => {
  const encoder = readEncoder(read, { vocabulary: 8192, layers: 1, width: 64, dropoutPercent: 30 })
  const dropPiecesPercent = read.whole('dropPiecesPercent', { least: 0, most: 90, otherwise: 0 })
  const { vocabulary, length } = encoder
  return {
    model: modelOf(readConfig(encoderConfig(encoder, classes)), 'sequence'),
    options: { model: 'encoder', ...encoder, dropPiecesPercent },
    recipe: ENCODER_RECIPE,
    optimiser: ENCODER_OPTIMISER,
    vocabulary,
    length,
    rowOf(pieces, random) {
      const kept = random === null ? pieces : keptOf(pieces, dropPiecesPercent, random)
      return { tokens: [START, ...kept.slice(0, length - 1)] }
    },
    inputs: encoderInputs
  }
}

/** At least one is left of a text that has any. */
const keptOf = (pieces: readonly number[], percent: number, random: Prng): readonly number[] => {
  const kept = pieces.filter(() => random.below(100) >= percent)
  return kept.length === 0 ? pieces.slice(0, 1) : kept
}

const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193

/** The pieces, then one token for every run of 2 … grams of them: its FNV-1a hash by whole pieces, past the vocabulary. */
export const withGrams = (
  pieces: readonly number[],
  grams: number,
  vocabulary: number,
  buckets: number
): readonly number[] => {
  const tokens = [...pieces]
  for (let from = 0; from < pieces.length; from++) {
    let hash = HASH_START
    for (let to = from; to < Math.min(pieces.length, from + grams); to++) {
      hash = Math.imul(hash ^ pieces[to]!, HASH_PRIME)
      // The upper bits have seen more of the pieces than the lower.
      if (to > from) tokens.push(vocabulary + ((((hash >>> 15) ^ hash) >>> 0) % buckets))
    }
  }
  return tokens
}
