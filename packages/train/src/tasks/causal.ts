/**
 * The next token of plain text. A new decoder with a tokenizer of its own, or a pretrained one whose folder lies in
 * the data set: in full, or by LoRA, where the base is frozen and only adapters travel through the mesh.
 */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@gradmesh/core'
import { linesOf, openTokenizer, PerplexityMeter, type Tokenizer, trainBpe } from '@gradmesh/data'
import {
  freeze,
  loadWeights,
  type Model,
  mergeLora,
  modelOf,
  openFile,
  readConfig,
  readConfigJson,
  Variables,
  withLora
} from '@gradmesh/models'
import { argmax } from '../argmax.ts'
import { decoderInference } from '../inference/decoder-inference.ts'
import type { PromptRules } from '../inference/text-generator.ts'
import { cosineFall } from '../inner-rate.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples, type Scoring } from '../models/model-trainer.ts'
import { trainable, writeTrainable } from '../models/weights.ts'
import type { LoadedTask, NamedValues, Recipe, Report, Task, TaskKind, TaskOptions } from '../types.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { decoderConfig, readSizes } from './encoder.ts'
import { badOption, OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'

const ID = 'causal'
const TEXTS = { train: 'train.txt', dev: 'dev.txt' } as const
const PRETRAINED = { weights: 'model.safetensors', tokenizer: 'tokenizer.json' } as const
const SPECIALS = ['<|endoftext|>']
const STARTS = ['new', 'full', 'lora'] as const
/** Of Llama: all layers of every block. */
const TARGETS = 'q_proj k_proj v_proj o_proj gate_proj up_proj down_proj'

type Start = (typeof STARTS)[number]

const RECIPE: Recipe = { ...COMMON, rounds: 20, innerSteps: 10, batch: 8, innerRateMicro: 2000 }

const RECIPES: Readonly<Record<Start, Recipe>> = {
  new: RECIPE,
  full: { ...RECIPE, rounds: 40, innerSteps: 5, innerRateMicro: 4000, chunk: 128 },
  lora: { ...RECIPE, rounds: 10, innerSteps: 20, innerRateMicro: 15_000, chunk: 128 }
}

export const causal: TaskKind = {
  id: ID,
  about: 'the next token of plain text (train.txt, dev.txt), by a new or a pretrained decoder',
  async found(asked, folder) {
    const isNew = startOf(new OptionReader(ID, asked)) === 'new'
    const files = filesIn(folder, isNew ? TEXTS : { ...TEXTS, ...PRETRAINED })
    const config = isNew ? {} : { config: JSON.stringify(await readConfigJson(folder!)) }
    return causal.open({ ...config, ...asked, ...(await foundRoots(files)) }).options
  },
  open(options): Task {
    const read = new OptionReader(ID, options)
    const texts = readRoots(read, TEXTS)
    const heldOut = read.whole('heldOut', { least: 1, most: 1_000_000, otherwise: 256 })
    const start = startOf(read)
    const decoder = start === 'new' ? newDecoder(read) : pretrainedDecoder(read, start)
    const memory = readMemory(read)
    read.end()
    const { model, pretrained } = decoder
    const parts = { ...decoder, ...memory, texts, heldOut }
    const isPart = pretrained !== null && trainable(pretrained.base).length > trainable(model).length
    return {
      id: ID,
      options: { ...rootOptions(texts), heldOut, start, ...memory, ...decoder.options },
      recipe: RECIPES[start],
      fall: cosineFall,
      scoreName: 'share of next tokens',
      scoreTarget: 0,
      tensors: () => meshTensors(model, start === 'full'),
      bases: async folder =>
        meshBases(model, start === 'full' ? await pretrainedValues(pretrained!, folder) : new Map()),
      ...(start === 'lora' || isPart
        ? {
            merged: async (weights: Float32Array, folder: string | null) =>
              mergedValues(model, pretrained!, weights, folder)
          }
        : {}),
      load: ({ folder }) => load(parts, folder)
    }
  }
}

/** What costs time and saves memory: passes of a step, and layers that are computed again on the way back (1: yes). */
interface Memory {
  readonly accumulate: number
  readonly checkpoint: number
}

const readMemory = (read: OptionReader): Memory => {
  const accumulate = read.whole('accumulate', { least: 1, most: RECIPE.batch, otherwise: 1 })
  if (RECIPE.batch % accumulate !== 0)
    throw badOption(ID, 'accumulate', `a divisor of the batch, ${RECIPE.batch}, wanted`)
  return { accumulate, checkpoint: read.whole('checkpoint', { least: 0, most: 1, otherwise: 0 }) }
}

const mergedValues = async (
  model: Model,
  pretrained: Pretrained,
  weights: Float32Array,
  folder: string | null
): Promise<readonly NamedValues[]> => {
  const values = await pretrainedValues(pretrained, folder)
  writeTrainable(model, { write: (name, data) => void values.set(name, data) }, weights)
  const merged = mergeLora(model, values)
  return pretrained.base.tensors.map(({ name, shape }) => ({ name, shape, values: merged.get(name)! }))
}

const startOf = (read: OptionReader): Start => read.oneOf('start', STARTS, 'new')

interface Pretrained {
  /** Without adapters. */
  readonly base: Model
  readonly roots: FileRoots<keyof typeof PRETRAINED>
}

interface Decoder {
  readonly model: Model
  /** Tokens of a window, and of the vocabulary. */
  readonly length: number
  readonly vocabulary: number
  /** null: everything is learnt. */
  readonly pretrained: Pretrained | null
  /** The same with the head `embedding`. */
  readonly embedding: Model
  /** Positions that the model has. */
  readonly lengthMax: number
  /** Of a pretrained decoder's texts. */
  readonly marks: Marks | null
  readonly options: TaskOptions
}

type Marks = Omit<PromptRules, 'tokenizer'>

const newDecoder = (read: OptionReader): Decoder => {
  const sizes = readSizes(read, { length: 128, vocabulary: 1024 })
  const config = readConfig(decoderConfig(sizes))
  return {
    ...sizes,
    model: modelOf(config, 'causal'),
    embedding: modelOf(config, 'embedding'),
    lengthMax: sizes.length,
    pretrained: null,
    marks: null,
    options: { ...sizes }
  }
}

const pretrainedDecoder = (read: OptionReader, start: Start): Decoder => {
  const roots = readRoots(read, PRETRAINED)
  const config = read.text('config')
  const json = parsed(config)
  const base = modelOf(readConfig(json), 'causal')
  if (!('lengthMax' in base.config && 'vocabSize' in base.config))
    throw badOption(ID, 'config', 'a decoder wanted: llama or gpt2')
  const { lengthMax: most, vocabSize: vocabulary } = base.config
  const length = read.whole('length', { least: 2, most, otherwise: Math.min(128, most) })
  const common = { config, length, ...rootOptions(roots) }
  const decoder = { length, vocabulary, lengthMax: most, pretrained: { base, roots }, marks: marksOf(json) }
  const embedding = modelOf(base.config, 'embedding')
  if (start === 'full') {
    const frozen = read.text('frozen', '')
    return { ...decoder, model: partOf(base, frozen), embedding, options: { ...common, frozen } }
  }
  const rank = read.whole('rank', { least: 1, most: 1024, otherwise: 8 })
  const alpha = read.whole('alpha', { least: 1, most: 65_536, otherwise: 2 * rank })
  const targets = read.text('targets', TARGETS)
  const lora = { rank, alpha, targets: targets.split(' ') }
  const options = { ...common, rank, alpha, targets }
  return { ...decoder, model: withLora(base, lora), embedding: withLora(embedding, lora), options }
}

/** `frozen`: how the names of tensors begin that stay as they are, parted by spaces. */
const partOf = (base: Model, frozen: string): Model => {
  if (frozen === '') return base
  const starts = frozen.split(' ')
  const unknown = starts.find(start => !base.tensors.some(({ name }) => name.startsWith(start)))
  if (unknown !== undefined) throw badOption(ID, 'frozen', `no tensor's name begins with "${unknown}"`)
  const part = freeze(base, ({ name }) => !starts.some(start => name.startsWith(start)))
  if (trainable(part).length > 0) return part
  throw badOption(ID, 'frozen', 'nothing is left to learn')
}

/** A text of Llama's begins with its mark, one of GPT-2's only where there is nothing else. */
const marksOf = (json: unknown): Marks => {
  const { model_type, bos_token_id, eos_token_id } = json as Readonly<Record<string, unknown>>
  const begin = tokensIn(bos_token_id)
  const isLlama = model_type === 'llama'
  return { begin: isLlama ? begin : [], empty: begin, stop: tokensIn(eos_token_id) }
}

/** One token, or a list of them. */
const tokensIn = (value: unknown): number[] =>
  [value].flat().filter(token => typeof token === 'number' && Number.isSafeInteger(token)) as number[]

const parsed = (config: string): unknown => {
  try {
    return JSON.parse(config)
  } catch {
    throw badOption(ID, 'config', 'the JSON of a config.json wanted')
  }
}

/** Of every tensor of the base. Codes: `DATA_…`, `MODEL_CHECKPOINT`. */
const pretrainedValues = async (
  pretrained: Pretrained,
  folder: string | null
): Promise<Map<string, Float32Array>> => {
  const values = new Map<string, Float32Array>()
  await writePretrained(pretrained, folder, { write: (name, data) => values.set(name, data) })
  return values
}

const writePretrained = async (
  { base, roots }: Pretrained,
  folder: string | null,
  to: Pick<Variables, 'write'>
): Promise<void> => {
  const files = filesIn(folder, PRETRAINED)
  await checkFiles(files, roots)
  await using file = await openFile(files.weights)
  const { missing } = await loadWeights(base, file, to)
  if (missing.length === 0) return
  throw new MeshError('TRAIN_DATA', `${files.weights} lacks ${missing.length} tensors, ${missing[0]} first`, {
    remedy: 'use a checkpoint with the whole decoder',
    data: { path: files.weights, missing: missing.length }
  })
}

interface Parts extends Decoder, Memory {
  readonly texts: FileRoots<keyof typeof TEXTS>
  readonly heldOut: number
}

const load = async (parts: Parts, folder: string | null): Promise<LoadedTask> => {
  const { model, length, pretrained, texts, heldOut: most, accumulate, checkpoint } = parts
  const batch = RECIPE.batch / accumulate
  const files = filesIn(folder, TEXTS)
  await checkFiles(files, texts)
  const tokenizer = await tokenizerOf(parts, folder, files.train)
  const train = new Windows(files.train, await tokensOf(files.train, tokenizer), length)
  const heldOut = new Windows(files.dev, await tokensOf(files.dev, tokenizer), length, most)
  return {
    samples: train.count,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch, length, checkpoint: checkpoint === 1 },
        accumulate,
        train,
        heldOut,
        scoring: () => new NextTokenScoring(heldOut, batch),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.01, normMax: 1 },
        base: async variables => {
          if (pretrained !== null) await writePretrained(pretrained, folder, variables)
        }
      }),
    async inference(device) {
      const variables = new Variables(device)
      if (pretrained !== null) await writePretrained(pretrained, folder, variables)
      const rules = promptRules(parts, tokenizer)
      return decoderInference({
        model,
        embedding: parts.embedding,
        variables,
        rules,
        lengthMax: parts.lengthMax
      })
    }
  }
}

/** As the model's texts begin and end: in training a new decoder sees lines, a pretrained one has its own marks. */
const promptRules = ({ marks }: Decoder, tokenizer: Tokenizer): PromptRules =>
  marks === null
    ? { tokenizer, begin: [], empty: tokenizer.encode('\n'), stop: [tokenizer.special(...SPECIALS)] }
    : { tokenizer, ...marks }

const tokenizerOf = async (
  { pretrained, vocabulary }: Decoder,
  folder: string | null,
  train: string
): Promise<Tokenizer> => {
  if (pretrained === null)
    return openTokenizer(
      await trainBpe(textLines(train), { vocabulary, specials: SPECIALS, prefixSpace: false })
    )
  const files = filesIn(folder, PRETRAINED)
  await checkFiles(files, pretrained.roots)
  const tokenizer = openTokenizer(JSON.parse(await readFile(files.tokenizer, 'utf8')))
  if (tokenizer.vocabulary <= vocabulary) return tokenizer
  throw new MeshError(
    'TRAIN_DATA',
    `the tokenizer has ${tokenizer.vocabulary} tokens, the model ${vocabulary}`,
    { remedy: 'use the tokenizer that belongs to the model', data: { path: files.tokenizer } }
  )
}

async function* textLines(path: string): AsyncGenerator<string> {
  for await (const { text } of linesOf(path)) yield `${text}\n`
}

/** Line by line: what a tokenizer makes of a line does not hang on the lines around it. */
const tokensOf = async (path: string, tokenizer: Tokenizer): Promise<Uint32Array> => {
  const tokens: number[] = []
  for await (const line of textLines(path)) for (const id of tokenizer.encode(line)) tokens.push(id)
  return Uint32Array.from(tokens)
}

/** Windows side by side; each token's label is the token after it. */
class Windows implements Samples {
  readonly count: number
  readonly length: number
  readonly #tokens: Uint32Array

  constructor(path: string, tokens: Uint32Array, length: number, most = Number.POSITIVE_INFINITY) {
    this.count = Math.min(most, Math.floor((tokens.length - 1) / length))
    if (this.count < 1)
      throw new MeshError('TRAIN_DATA', `${path} has ${tokens.length} tokens, a window ${length + 1}`, {
        remedy: 'choose more text or a smaller length',
        data: { path, tokens: tokens.length }
      })
    this.length = length
    this.#tokens = tokens
  }

  /** The tokens after each of a window's. */
  labelsOf(sample: number): Uint32Array {
    return this.#tokens.subarray(sample * this.length + 1, (sample + 1) * this.length + 1)
  }

  inputs(samples: Uint32Array, size: number) {
    const tokens = new Uint32Array(size * this.length)
    const labels = new Uint32Array(size * this.length)
    const rows = samples.length * this.length
    samples.forEach((sample, place) => {
      const at = sample * this.length
      tokens.set(this.#tokens.subarray(at, at + this.length), place * this.length)
      labels.set(this.labelsOf(sample), place * this.length)
    })
    return { tokens, labels, weights: new Float32Array(size * this.length).fill(1 / rows, 0, rows) }
  }
}

class NextTokenScoring implements Scoring {
  readonly #windows: Windows
  readonly #batch: number
  #right = 0

  constructor(windows: Windows, batch: number) {
    this.#windows = windows
    this.#batch = batch
  }

  add(samples: Uint32Array, [logits]: readonly Float32Array[]): void {
    const { length } = this.#windows
    const vocabulary = logits!.length / (this.#batch * length)
    samples.forEach((sample, place) => {
      this.#windows.labelsOf(sample).forEach((label, token) => {
        const at = (place * length + token) * vocabulary
        if (argmax(logits!.subarray(at, at + vocabulary)) === label) this.#right++
      })
    })
  }

  report(loss: number): Report {
    const { count, length } = this.#windows
    const meter = new PerplexityMeter()
    meter.add(loss * count * length, count * length)
    const { perplexity, tokens } = meter.report()
    const share = this.#right / tokens
    return {
      loss,
      score: share,
      samples: count,
      text: `perplexity ${perplexity.toFixed(3)} (loss ${loss.toFixed(4)}), ${(100 * share).toFixed(2)} % of the next tokens right; ${tokens} tokens`,
      figures: { perplexity, loss, nextTokenShare: share, tokens }
    }
  }
}
