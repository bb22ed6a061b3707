/**
 * Named entities: a tag for each word, by an encoder of BERT's shape from nothing. The vocabulary is learnt from the
 * training sentences themselves, so that the data files alone say what everybody learns. Names are mostly words that
 * the training sentences lack, so the encoder is told what words look like (`word-shapes.ts`), and in training some
 * words are hidden from it.
 */
import { concatBytes, Prng, utf8 } from '@gradmesh/core'
import {
  EntityCounter,
  openTokenizer,
  readConll,
  scoreTable,
  type TaggedSentence,
  type Tokenizer,
  toBio,
  trainBpe
} from '@gradmesh/data'
import { type Model, modelOf, readConfig } from '@gradmesh/models'
import { argmax } from '../argmax.ts'
import { encoderInputs } from '../inference/batches.ts'
import { tokenInference } from '../inference/encoder-inference.ts'
import { wordsOf } from '../inference/words.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples, type Scoring } from '../models/model-trainer.ts'
import type { Recipe, Report, Task, TaskKind, TaskSource } from '../types.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { encoderConfig, readEncoder } from './encoder.ts'
import { OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'
import { encodeTagged, PAIRS } from './word-shapes.ts'

const ID = 'entities'
const FILES = { train: 'train.conll', dev: 'dev.conll' } as const
const UNKNOWN = '[UNK]'
const SPECIALS = ['[PAD]', UNKNOWN]

const RECIPE: Recipe = { ...COMMON, rounds: 16, batch: 32, innerRateMicro: 3000, chunk: 256 }

export const entities: TaskKind = {
  id: ID,
  about: 'named entities in sentences (train.conll, dev.conll), by an encoder from nothing',
  async found(asked, folder) {
    const files = filesIn(folder, FILES)
    const types = new Set<string>()
    for await (const { tags } of readConll(files.train)) for (const tag of tags) types.add(tag.slice(2))
    types.delete('')
    const options = { types: [...types].sort().join(' '), ...asked, ...(await foundRoots(files)) }
    return entities.open(options).options
  },
  open(options): Task {
    const read = new OptionReader(ID, options)
    const roots = readRoots(read, FILES)
    const types = read.words('types')
    const encoder = readEncoder(read, {
      vocabulary: 4096,
      length: 48,
      width: 64,
      inner: 128,
      dropoutPercent: 20
    })
    const hideWordsPercent = read.whole('hideWordsPercent', { least: 0, most: 90, otherwise: 25 })
    read.end()
    const tags = ['O', ...types.flatMap(type => [`B-${type}`, `I-${type}`])]
    const model = modelOf(
      readConfig({ ...encoderConfig(encoder, tags.length), type_vocab_size: PAIRS }),
      'tokens'
    )
    const { length, vocabulary } = encoder
    return {
      id: ID,
      options: { ...encoder, hideWordsPercent, types: types.join(' '), ...rootOptions(roots) },
      recipe: RECIPE,
      scoreName: 'F1',
      scoreTarget: 0.55,
      tensors: () => meshTensors(model),
      bases: async () => meshBases(model),
      load: source => load({ model, tags, length, vocabulary, hideWordsPercent, roots }, source)
    }
  }
}

interface Parts {
  readonly model: Model
  readonly tags: readonly string[]
  readonly length: number
  readonly vocabulary: number
  /** Chance of each word to be hidden in a training step. */
  readonly hideWordsPercent: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async (parts: Parts, { folder, seed }: TaskSource) => {
  const { model, tags, length, vocabulary, hideWordsPercent, roots } = parts
  const files = filesIn(folder, FILES)
  await checkFiles(files, roots)
  const train = await sentencesOf(files.train)
  const dev = await sentencesOf(files.dev)
  const texts = train.map(({ tokens }) => tokens.join(' '))
  const tokenizer = openTokenizer(await trainBpe(texts, { vocabulary, specials: SPECIALS }))
  const heldOut = new TaggedSamples(dev, tokenizer, tags, length, null)
  const random = new Prng(concatBytes(utf8('gradmesh/entities/1'), seed))
  const shape = { batch: RECIPE.batch, length }
  return {
    samples: train.length,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape,
        train: new TaggedSamples(train, tokenizer, tags, length, { percent: hideWordsPercent, random }),
        heldOut,
        scoring: () => new EntityScoring(heldOut, tags, length),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.1, normMax: 1 }
      }),
    inference: async device => {
      const encode = (words: readonly string[]) => encodeTagged(tokenizer, words)
      const rowOf = (text: string) => {
        const { ids, types } = encode(wordsOf(text).map(word => word.text))
        return { tokens: ids.slice(0, length), types: types.slice(0, length) }
      }
      const parts = { device, model, lengthMax: length, rowOf, inputs: encoderInputs }
      return tokenInference(parts, tags, encode)
    }
  } satisfies Awaited<ReturnType<Task['load']>>
}

const sentencesOf = async (path: string): Promise<TaggedSentence[]> => {
  const sentences: TaggedSentence[] = []
  for await (const { tokens, tags } of readConll(path)) sentences.push({ tokens, tags: toBio(tags) })
  return sentences
}

/** Words, each by this chance, are unknown ones for a step; what they look like is told all the same. */
interface Hiding {
  readonly percent: number
  readonly random: Prng
}

/** The first piece of a word carries its tag; words beyond the model's length carry none. */
class TaggedSamples implements Samples {
  readonly sentences: readonly TaggedSentence[]
  readonly #length: number
  readonly #unknown: number
  readonly #hiding: Hiding | null
  readonly #encoded: readonly {
    readonly ids: Uint32Array
    /** Of each piece: what its word and the one before look like. */
    readonly shapes: Uint32Array
    readonly starts: Uint32Array
    readonly tags: Uint32Array
  }[]

  constructor(
    sentences: readonly TaggedSentence[],
    tokenizer: Tokenizer,
    names: readonly string[],
    length: number,
    hiding: Hiding | null
  ) {
    this.sentences = sentences
    this.#length = length
    this.#hiding = hiding
    this.#unknown = tokenizer.special(UNKNOWN)
    const numbers = new Map(names.map((name, i) => [name, i]))
    this.#encoded = sentences.map(({ tokens, tags }) => {
      const { ids, types, starts } = encodeTagged(tokenizer, tokens)
      const words = starts.filter(start => start < length).length
      return {
        shapes: Uint32Array.from(types.slice(0, length)),
        ids: Uint32Array.from(ids.slice(0, length)),
        starts: Uint32Array.from(starts.slice(0, words)),
        // A type that only the held-out sentences have cannot be learnt.
        tags: Uint32Array.from(tags.slice(0, words), tag => numbers.get(tag) ?? 0)
      }
    })
  }

  get count(): number {
    return this.sentences.length
  }

  /** Where each word that the model sees begins. */
  startsOf(sample: number): Uint32Array {
    return this.#encoded[sample]!.starts
  }

  inputs(samples: Uint32Array, size: number) {
    const length = this.#length
    const tokens = new Uint32Array(size * length)
    const types = new Uint32Array(size * length)
    const lengths = new Uint32Array(size).fill(1)
    const labels = new Uint32Array(size * length)
    const weights = new Float32Array(size * length)
    const words = samples.reduce((sum, sample) => sum + this.#encoded[sample]!.starts.length, 0)
    samples.forEach((sample, place) => {
      const { ids, shapes, starts, tags } = this.#encoded[sample]!
      tokens.set(this.#seen(ids, starts), place * length)
      types.set(shapes, place * length)
      lengths[place] = Math.max(1, ids.length)
      starts.forEach((start, word) => {
        labels[place * length + start] = tags[word]!
        weights[place * length + start] = 1 / words
      })
    })
    return { tokens, types, lengths, labels, weights }
  }

  #seen(ids: Uint32Array, starts: Uint32Array): Uint32Array {
    if (this.#hiding === null) return ids
    const { percent, random } = this.#hiding
    const seen = ids.slice()
    starts.forEach((start, word) => {
      if (random.below(100) < percent) seen.fill(this.#unknown, start, starts[word + 1])
    })
    return seen
  }
}

class EntityScoring implements Scoring {
  readonly #counter = new EntityCounter()
  readonly #samples: TaggedSamples
  readonly #tags: readonly string[]
  readonly #length: number

  constructor(samples: TaggedSamples, tags: readonly string[], length: number) {
    this.#samples = samples
    this.#tags = tags
    this.#length = length
  }

  add(samples: Uint32Array, [logits]: readonly Float32Array[]): void {
    const classes = this.#tags.length
    samples.forEach((sample, place) => {
      const { tags: actual } = this.#samples.sentences[sample]!
      const predicted = actual.map(() => 'O')
      this.#samples.startsOf(sample).forEach((start, word) => {
        const at = (place * this.#length + start) * classes
        predicted[word] = this.#tags[argmax(logits!.subarray(at, at + classes))]!
      })
      this.#counter.add(actual, predicted)
    })
  }

  report(loss: number): Report {
    const found = this.#counter.report()
    return {
      loss,
      score: found.micro.f1,
      samples: this.#samples.count,
      text: `${scoreTable(found)}\n\ntoken accuracy ${found.tokenAccuracy.toFixed(4)} of ${found.tokens} tokens`,
      figures: { f1: found.micro.f1, loss, ...found }
    }
  }
}
