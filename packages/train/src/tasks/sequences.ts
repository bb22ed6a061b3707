/** Texts with a label each, from the columns of a TSV file, by a small model from nothing. */
import { concatBytes, Prng, utf8 } from '@gradmesh/core'
import { openTokenizer, readTsv, type Tokenizer, trainBpe } from '@gradmesh/data'
import { sequenceInference } from '../inference/encoder-inference.ts'
import { cosineFall } from '../inner-rate.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples } from '../models/model-trainer.ts'
import type { LoadedTask, Task, TaskKind, TaskSource } from '../types.ts'
import { ClassScoring, classesOf, classInputs } from './classes.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { badOption, OptionReader } from './options.ts'
import { readTextModel, SPECIALS, type TextModel } from './text-models.ts'

const ID = 'sequences'
const FILES = { train: 'train.tsv', dev: 'dev.tsv' } as const

export const sequences: TaskKind = {
  id: ID,
  about: 'a label for each text (train.tsv, dev.tsv), by a small model from nothing',
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
    const text = readTextModel(read, classes)
    read.end()
    return {
      id: ID,
      options: { ...text.options, ...columns, classes, ...rootOptions(roots) },
      recipe: text.recipe,
      fall: cosineFall,
      scoreName: 'accuracy',
      scoreTarget: 0.76,
      tensors: () => meshTensors(text.model),
      bases: async () => meshBases(text.model),
      load: source => load({ text, columns, classes, roots }, source)
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
  readonly text: TextModel
  readonly columns: Columns
  readonly classes: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async (parts: Parts, { folder, seed }: TaskSource): Promise<LoadedTask> => {
  const { text, columns, classes, roots } = parts
  const { model, length, vocabulary } = text
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
  const heldOut = new LabelledTexts(dev, tokenizer, names, text, null)
  const random = new Prng(concatBytes(utf8('gradmesh/sequences/1'), seed))
  return {
    samples: train.length,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch: text.recipe.batch, length },
        train: new LabelledTexts(train, tokenizer, names, text, random),
        heldOut,
        scoring: () => new ClassScoring(names, heldOut.labels),
        optimiser: text.optimiser
      }),
    inference: async device => {
      const rowOf = (text: string) => parts.text.rowOf(piecesOf(tokenizer, text), null)
      return sequenceInference({ device, model, lengthMax: length, rowOf, inputs: text.inputs }, names)
    }
  }
}

const piecesOf = (tokenizer: Tokenizer, text: string): readonly number[] => tokenizer.encode(` ${text}`)

/** What the model makes of a text's pieces is its own affair; `random` where it may leave some out. */
class LabelledTexts implements Samples {
  readonly labels: Uint32Array
  readonly #pieces: readonly (readonly number[])[]
  readonly #model: TextModel
  readonly #random: Prng | null

  constructor(
    texts: readonly LabelledText[],
    tokenizer: Tokenizer,
    names: readonly string[],
    model: TextModel,
    random: Prng | null
  ) {
    const numbers = new Map(names.map((name, i) => [name, i]))
    this.labels = Uint32Array.from(texts, ({ label }) => numbers.get(label)!)
    this.#pieces = texts.map(({ text }) => piecesOf(tokenizer, text))
    this.#model = model
    this.#random = random
  }

  get count(): number {
    return this.labels.length
  }

  inputs(samples: Uint32Array, size: number) {
    const rows = Array.from(samples, sample => this.#model.rowOf(this.#pieces[sample]!, this.#random))
    const shape = { batch: size, length: this.#model.length }
    return { ...this.#model.inputs(rows, shape), ...classInputs(this.labels, samples, size) }
  }
}
