/** The options of a small encoder, and its configuration in Hugging Face's form. */
import type { OptionReader } from './options.ts'

export type EncoderOptions = Readonly<
  Record<'vocabulary' | 'length' | 'width' | 'layers' | 'heads' | 'inner' | 'dropoutPercent', number>
>

/** A few hundred thousand parameters: what trains in minutes without a GPU. */
export const readEncoder = (read: OptionReader): EncoderOptions => ({
  vocabulary: read.whole('vocabulary', { least: 300, most: 100_000, otherwise: 2048 }),
  length: read.whole('length', { least: 8, most: 4096, otherwise: 64 }),
  width: read.whole('width', { least: 8, most: 8192, otherwise: 96 }),
  layers: read.whole('layers', { least: 1, most: 128, otherwise: 2 }),
  heads: read.whole('heads', { least: 1, most: 128, otherwise: 4 }),
  inner: read.whole('inner', { least: 8, most: 65_536, otherwise: 256 }),
  dropoutPercent: read.whole('dropoutPercent', { least: 0, most: 90, otherwise: 10 })
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
