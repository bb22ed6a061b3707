/**
 * Texts with a label each, from the columns of a TSV file, by an encoder of BERT's shape from nothing. With one
 * layer it begins as a bag of words: its first token looks at all pieces alike until training has it choose.
 */
import { openTokenizer, readTsv, type Tokenizer, trainBpe } from '@gradmesh/data'
import { type Model, modelOf, readConfig } from '@gradmesh/models'
import { sequenceInference } from '../inference/encoder-inference.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples } from '../models/model-trainer.ts'
import type { LoadedTask, Recipe, Task, TaskKind } from '../types.ts'
import { ClassScoring, classesOf, classInputs } from './classes.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { encoderConfig, readEncoder } from './encoder.ts'
import { badOption, OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'

const ID = 'sequences'
const FILES = { train: 'train.tsv', dev: 'dev.tsv' } as const
const START = '[CLS]'
const SPECIALS = ['[PAD]', '[UNK]', START]

const RECIPE: Recipe = { ...COMMON, rounds: 16, batch: 32, innerRateMicro: 4000, chunk: 128 }

export const sequences: TaskKind = {
  id: ID,
  about: 'a label for each text (train.tsv, dev.tsv), by an encoder from nothing',
  async found(asked, folder) {
    const files = filesIn(folder, FILES)
    const columns = { columns: 2, label: 0, text: 1, leaveOut: '', ...asked }
    const shape = readColumns(new OptionReader(ID, columns))
    const labels = (await textsOf(files.train, shape)).map(({ label }) => label)
    const options = { classes: classesOf(labels).length, ...columns, ...(await foundRoots(files)) }
    return sequences.open(options).options
  },
  open(options): Task {
    const read = new OptionReader(ID, options)
    const roots = readRoots(read, FILES)
    const columns = readColumns(read)
    const classes = read.whole('classes', { least: 2, most: 100_000 })
    const encoder = readEncoder(read, { vocabulary: 8192, layers: 1, width: 64, dropoutPercent: 30 })
    read.end()
    const model = modelOf(readConfig(encoderConfig(encoder, classes)), 'sequence')
    const { length, vocabulary } = encoder
    return {
      id: ID,
      options: { ...encoder, ...columns, classes, ...rootOptions(roots) },
      recipe: RECIPE,
      scoreName: 'accuracy',
      scoreTarget: 0.76,
      tensors: () => meshTensors(model),
      bases: async () => meshBases(model),
      load: ({ folder }) => load({ model, columns, classes, length, vocabulary, roots }, folder)
    }
  }
}

/** Which fields of a row are meant, from 0. */
interface Columns {
  readonly columns: number
  readonly label: number
  readonly text: number
  /** Rows with this label are no samples; an empty text leaves none out. */
  readonly leaveOut: string
}

const readColumns = (read: OptionReader): Columns => {
  const columns = read.whole('columns', { least: 2, most: 1000, otherwise: 2 })
  const most = columns - 1
  return {
    columns,
    label: read.whole('label', { least: 0, most, otherwise: 0 }),
    text: read.whole('text', { least: 0, most, otherwise: 1 }),
    leaveOut: read.text('leaveOut', '')
  }
}

interface LabelledText {
  readonly label: string
  readonly text: string
}

const textsOf = async (path: string, columns: Columns): Promise<LabelledText[]> => {
  const texts: LabelledText[] = []
  for await (const fields of readTsv(path, columns)) {
    const label = fields[columns.label]!
    if (label !== columns.leaveOut) texts.push({ label, text: fields[columns.text]! })
  }
  return texts
}

interface Parts {
  readonly model: Model
  readonly columns: Columns
  readonly classes: number
  readonly length: number
  readonly vocabulary: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async (parts: Parts, folder: string | null): Promise<LoadedTask> => {
  const { model, columns, classes, length, vocabulary, roots } = parts
  const files = filesIn(folder, FILES)
  await checkFiles(files, roots)
  const train = await textsOf(files.train, columns)
  const names = classesOf(train.map(({ label }) => label))
  if (names.length !== classes)
    throw badOption(ID, 'classes', `the training file has ${names.length} labels, not ${classes}`)
  const known = new Set(names)
  // A label that only the held-out texts have cannot be learnt, nor told apart from others.
  const dev = (await textsOf(files.dev, columns)).filter(({ label }) => known.has(label))
  const tokenizer = openTokenizer(
    await trainBpe(
      train.map(({ text }) => text),
      { vocabulary, specials: SPECIALS, lowercase: true }
    )
  )
  const heldOut = new LabelledTexts(dev, tokenizer, names, length)
  return {
    samples: train.length,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch: RECIPE.batch, length },
        train: new LabelledTexts(train, tokenizer, names, length),
        heldOut,
        scoring: () => new ClassScoring(names, heldOut.labels),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.1, normMax: 1 }
      }),
    inference: async device =>
      sequenceInference({ device, model, lengthMax: length, tokensOf: tokensIn(tokenizer, length) }, names)
  }
}

/** The token that gathers the text, then as much of the text as the model's length takes. */
const tokensIn = (tokenizer: Tokenizer, length: number): ((text: string) => readonly number[]) => {
  const start = tokenizer.special(START)
  return text => [start, ...tokenizer.encode(` ${text}`).slice(0, length - 1)]
}

class LabelledTexts implements Samples {
  readonly labels: Uint32Array
  readonly #ids: readonly Uint32Array[]
  readonly #length: number

  constructor(
    texts: readonly LabelledText[],
    tokenizer: Tokenizer,
    names: readonly string[],
    length: number
  ) {
    const numbers = new Map(names.map((name, i) => [name, i]))
    const tokensOf = tokensIn(tokenizer, length)
    this.labels = Uint32Array.from(texts, ({ label }) => numbers.get(label)!)
    this.#ids = texts.map(({ text }) => Uint32Array.from(tokensOf(text)))
    this.#length = length
  }

  get count(): number {
    return this.labels.length
  }

  inputs(samples: Uint32Array, size: number) {
    const tokens = new Uint32Array(size * this.#length)
    const lengths = new Uint32Array(size).fill(1)
    samples.forEach((sample, place) => {
      const ids = this.#ids[sample]!
      tokens.set(ids, place * this.#length)
      lengths[place] = ids.length
    })
    const types = new Uint32Array(size * this.#length)
    return { tokens, types, lengths, ...classInputs(this.labels, samples, size) }
  }
}
