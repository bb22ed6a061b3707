/** The options of a small transformer, and its configuration in Hugging Face's form. */
import type { OptionReader } from './options.ts'

export type Sizes = Readonly<Record<'vocabulary' | 'length' | 'width' | 'layers' | 'heads' | 'inner', number>>

export interface EncoderOptions extends Sizes {
  readonly dropoutPercent: number
}

/** A few hundred thousand parameters: what trains in minutes without a GPU. */
const SMALL: EncoderOptions = {
  vocabulary: 2048,
  length: 64,
  width: 96,
  layers: 2,
  heads: 4,
  inner: 256,
  dropoutPercent: 10
}

export const readSizes = (read: OptionReader, own: Partial<Sizes> = {}): Sizes => {
  const small = { ...SMALL, ...own }
  const whole = (name: keyof Sizes, least: number, most: number): number =>
    read.whole(name, { least, most, otherwise: small[name] })
  return {
    vocabulary: whole('vocabulary', 300, 100_000),
    length: whole('length', 8, 4096),
    width: whole('width', 8, 8192),
    layers: whole('layers', 1, 128),
    heads: whole('heads', 1, 128),
    inner: whole('inner', 8, 65_536)
  }
}

export const readEncoder = (
  read: OptionReader,
  { dropoutPercent = SMALL.dropoutPercent, ...own }: Partial<EncoderOptions> = {}
): EncoderOptions => ({
  ...readSizes(read, own),
  dropoutPercent: read.whole('dropoutPercent', { least: 0, most: 90, otherwise: dropoutPercent })
})

export const encoderConfig = (options: EncoderOptions, labels: number): object => ({
  model_type: 'bert',
  vocab_size: options.vocabulary,
  hidden_size: options.width,
  num_hidden_layers: options.layers,
  num_attention_heads: options.heads,
  intermediate_size: options.inner,
  max_position_embeddings: options.length,
  hidden_dropout_prob: options.dropoutPercent / 100,
  num_labels: labels
})

export const decoderConfig = (sizes: Sizes): object => ({
  model_type: 'llama',
  vocab_size: sizes.vocabulary,
  hidden_size: sizes.width,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: sizes.heads,
  intermediate_size: sizes.inner,
  max_position_embeddings: sizes.length,
  tie_word_embeddings: true
})
