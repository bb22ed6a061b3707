/**
 * Models from Hugging Face's `config.json`. Every field is known by name: some shape the model, some must have
 * the one value that is built here, some change nothing that is computed. Any other field is refused, for a
 * field that is passed over in silence gives a model that loads and is wrong.
 */
import { MeshError } from '@gradmesh/core'
import type { Activation } from './blocks/activations.ts'

interface Common {
  readonly vocabSize: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  /** Of the feed-forward layer. */
  readonly inner: number
  /** Positions. */
  readonly lengthMax: number
  readonly epsilon: number
  /** Standard deviation of initial weights. */
  readonly initSpread: number
  /** The output matrix is the table of token embeddings. */
  readonly tied: boolean
  readonly labels: number
}

export interface LlamaConfig extends Common {
  readonly type: 'llama'
  readonly kvHeads: number
  /** Of a head. */
  readonly headWidth: number
  readonly rotaryBase: number
  readonly attentionBias: boolean
  readonly mlpBias: boolean
}

export interface Gpt2Config extends Common {
  readonly type: 'gpt2'
  readonly activation: Activation
  readonly embeddingDropout: number
  readonly residualDropout: number
}

export interface BertConfig extends Common {
  readonly type: 'bert'
  readonly activation: Activation
  readonly dropout: number
  readonly classifierDropout: number
  readonly types: number
}

/** Ours: convolutions (3 × 3, padding 1) with ReLU, each with pooling by 2, then two dense layers. */
export interface CnnConfig {
  readonly type: 'cnn'
  readonly imageSize: number
  readonly imageChannels: number
  /** Channels after each convolution. */
  readonly channels: readonly number[]
  readonly width: number
  readonly dropout: number
  readonly labels: number
}

/** Ours: a bag of tokens, each by its share. */
export interface BagConfig {
  readonly type: 'bag'
  readonly vocabSize: number
  readonly width: number
  readonly dropout: number
  readonly initSpread: number
  readonly labels: number
}

export type ModelConfig = LlamaConfig | Gpt2Config | BertConfig | CnnConfig | BagConfig

type Json = Readonly<Record<string, unknown>>

/** Change nothing that is computed here. */
const HARMLESS = new Set(
  `_name_or_path architectures auto_map attn_pdrop attention_dropout attention_probs_dropout_prob bos_token_id
  dtype directionality eos_token_id finetuning_task gradient_checkpointing id2label keys_to_ignore_at_inference
  label2id max_length model_type n_ctx pad_token_id pooler_fc_size pooler_num_attention_heads
  pooler_num_fc_layers pooler_size_per_head pooler_type pretraining_tp problem_type sep_token_id
  summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
  task_specific_params tokenizer_class torch_dtype transformers_version unk_token_id use_cache`.split(/\s+/)
)

const refuse = (field: string, why: string, found: unknown): never => {
  const value = typeof found === 'object' ? JSON.stringify(found) : String(found)
  throw new MeshError('MODEL_CONFIG', `config.json: ${field} ${why}, found ${value.slice(0, 80)}`, {
    remedy:
      'change the field, or choose a model that this version builds (packages/models/README.md lists the fields)',
    data: { field }
  })
}

/** Reads fields one by one and knows which were read. */
class Fields {
  readonly #json: Json
  readonly #read = new Set<string>()

  constructor(json: Json) {
    this.#json = json
  }

  #take<T>(name: string, otherwise: T | undefined, check: (value: unknown) => value is T, what: string): T {
    this.#read.add(name)
    const value = this.#json[name] ?? otherwise
    return check(value) ? value : refuse(name, `must be ${what}`, value)
  }

  whole(name: string, otherwise?: number): number {
    const check = (v: unknown): v is number =>
      Number.isSafeInteger(v) && (v as number) >= 1 && (v as number) < 2 ** 31
    return this.#take(name, otherwise, check, 'a positive integer')
  }

  positive(name: string, otherwise: number): number {
    const check = (v: unknown): v is number => typeof v === 'number' && v > 0 && Number.isFinite(v)
    return this.#take(name, otherwise, check, 'a positive number')
  }

  rate(name: string, otherwise: number): number {
    const check = (v: unknown): v is number => typeof v === 'number' && v >= 0 && v < 1
    return this.#take(name, otherwise, check, 'at least 0 and below 1')
  }

  flag(name: string, otherwise: boolean): boolean {
    return this.#take(name, otherwise, v => typeof v === 'boolean', 'true or false')
  }

  oneOf<T extends string>(name: string, otherwise: T, known: readonly T[]): T {
    const check = (v: unknown): v is T => known.includes(v as T)
    return this.#take(name, otherwise, check, known.join(' or '))
  }

  counts(name: string): readonly number[] {
    const check = (v: unknown): v is number[] =>
      Array.isArray(v) && v.length > 0 && v.length <= 8 && v.every(n => Number.isSafeInteger(n) && n >= 1)
    return this.#take(name, undefined, check, 'one to eight positive integers')
  }

  /** Fields of which one value alone is built. */
  fixed(values: Json): void {
    for (const [name, only] of Object.entries(values)) {
      this.#read.add(name)
      const found = this.#json[name] ?? only
      if (found !== only) refuse(name, `can only be ${String(only)} here`, found)
    }
  }

  /** `num_labels`, or as many as `id2label` names. */
  labels(): number {
    const named = this.#json.id2label
    return this.whole(
      'num_labels',
      typeof named === 'object' && named !== null ? Object.keys(named).length : 2
    )
  }

  end(): void {
    for (const name of Object.keys(this.#json)) {
      if (!this.#read.has(name) && !HARMLESS.has(name)) refuse(name, 'is not known', this.#json[name])
    }
  }
}

const divides = (part: number, whole: number, field: string): void => {
  if (whole % part !== 0) refuse(field, `must divide ${whole}`, part)
}

/** Heads that attention in tiles can do. */
const checkHead = (width: number, field: string): void => {
  if (width % 4 !== 0 || width > 256) refuse(field, 'must give heads of a multiple of 4, at most 256', width)
}

const llama = (f: Fields): LlamaConfig => {
  const width = f.whole('hidden_size')
  const heads = f.whole('num_attention_heads')
  const kvHeads = f.whole('num_key_value_heads', heads)
  const headWidth = f.whole('head_dim', Math.floor(width / heads))
  divides(kvHeads, heads, 'num_key_value_heads')
  checkHead(headWidth, 'head_dim')
  f.fixed({ hidden_act: 'silu', rope_scaling: null })
  return {
    type: 'llama',
    vocabSize: f.whole('vocab_size'),
    width,
    layers: f.whole('num_hidden_layers'),
    heads,
    kvHeads,
    headWidth,
    inner: f.whole('intermediate_size'),
    lengthMax: f.whole('max_position_embeddings', 2048),
    epsilon: f.positive('rms_norm_eps', 1e-6),
    rotaryBase: f.positive('rope_theta', 10_000),
    attentionBias: f.flag('attention_bias', false),
    mlpBias: f.flag('mlp_bias', false),
    initSpread: f.positive('initializer_range', 0.02),
    tied: f.flag('tie_word_embeddings', false),
    labels: f.labels()
  }
}

const ACTIVATIONS: readonly Activation[] = ['gelu', 'gelu_new', 'relu']

const gpt2 = (f: Fields): Gpt2Config => {
  const width = f.whole('n_embd', 768)
  const heads = f.whole('n_head', 12)
  divides(heads, width, 'n_head')
  checkHead(width / heads, 'n_head')
  f.fixed({
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    add_cross_attention: false
  })
  return {
    type: 'gpt2',
    vocabSize: f.whole('vocab_size', 50_257),
    width,
    layers: f.whole('n_layer', 12),
    heads,
    inner: f.whole('n_inner', 4 * width),
    lengthMax: f.whole('n_positions', 1024),
    epsilon: f.positive('layer_norm_epsilon', 1e-5),
    activation: f.oneOf('activation_function', 'gelu_new', ACTIVATIONS),
    embeddingDropout: f.rate('embd_pdrop', 0.1),
    residualDropout: f.rate('resid_pdrop', 0.1),
    initSpread: f.positive('initializer_range', 0.02),
    tied: f.flag('tie_word_embeddings', true),
    labels: f.labels()
  }
}

const bert = (f: Fields): BertConfig => {
  const width = f.whole('hidden_size', 768)
  const heads = f.whole('num_attention_heads', 12)
  const dropout = f.rate('hidden_dropout_prob', 0.1)
  divides(heads, width, 'num_attention_heads')
  checkHead(width / heads, 'num_attention_heads')
  f.fixed({ position_embedding_type: 'absolute', is_decoder: false, add_cross_attention: false })
  return {
    type: 'bert',
    vocabSize: f.whole('vocab_size', 30_522),
    width,
    layers: f.whole('num_hidden_layers', 12),
    heads,
    inner: f.whole('intermediate_size', 3072),
    lengthMax: f.whole('max_position_embeddings', 512),
    epsilon: f.positive('layer_norm_eps', 1e-12),
    activation: f.oneOf('hidden_act', 'gelu', ACTIVATIONS),
    dropout,
    classifierDropout: f.rate('classifier_dropout', dropout),
    types: f.whole('type_vocab_size', 2),
    initSpread: f.positive('initializer_range', 0.02),
    tied: f.flag('tie_word_embeddings', true),
    labels: f.labels()
  }
}

const cnn = (f: Fields): CnnConfig => {
  const imageSize = f.whole('image_size')
  const channels = f.counts('channels')
  if (imageSize >> channels.length < 1)
    refuse('channels', `halve an image of ${imageSize} too often`, channels)
  return {
    type: 'cnn',
    imageSize,
    imageChannels: f.whole('num_channels', 1),
    channels,
    width: f.whole('hidden_size'),
    dropout: f.rate('hidden_dropout_prob', 0),
    labels: f.labels()
  }
}

const bag = (f: Fields): BagConfig => ({
  type: 'bag',
  vocabSize: f.whole('vocab_size'),
  width: f.whole('hidden_size'),
  dropout: f.rate('hidden_dropout_prob', 0),
  initSpread: f.positive('initializer_range', 0.01),
  labels: f.labels()
})

const READERS: Readonly<Record<string, (f: Fields) => ModelConfig>> = { llama, gpt2, bert, cnn, bag }

/** The parsed content of a `config.json`. Throws MODEL_CONFIG, which names the field. */
export const readConfig = (json: unknown): ModelConfig => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refuse('the file', 'must be one object', json)
  }
  const type = (json as Json).model_type
  const read = typeof type === 'string' && Object.hasOwn(READERS, type) ? READERS[type] : undefined
  if (read === undefined)
    return refuse('model_type', `must be one of ${Object.keys(READERS).join(', ')}`, type)
  const fields = new Fields(json as Json)
  const config = read(fields)
  fields.end()
  return config
}
