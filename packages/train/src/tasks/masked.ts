/**
 * Tokens that were hidden, and whether one passage follows another (Devlin et al., BERT, 2018): what an encoder learns
 * from plain text alone. A passage is as many whole lines as fit into half a window; every second sample takes its
 * second passage from elsewhere. The held-out samples are drawn once, from their numbers.
 */
import { concatBytes, MeshError, Prng, u32, utf8 } from '@gradmesh/core'
import { linesOf, openTokenizer, PerplexityMeter, type Tokenizer, trainBpe } from '@gradmesh/data'
import { type Model, modelOf, readConfig } from '@gradmesh/models'
import { argmax } from '../argmax.ts'
import { encoderInputs, type Row } from '../inference/batches.ts'
import { hiddenInference, type OpenText } from '../inference/encoder-inference.ts'
import { badPrompt } from '../inference/inference.ts'
import { cosineFall } from '../inner-rate.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples, type Scoring } from '../models/model-trainer.ts'
import type { LoadedTask, Recipe, Report, Task, TaskKind, TaskSource } from '../types.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { encoderConfig, readEncoder } from './encoder.ts'
import { OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'

const ID = 'masked'
const FILES = { train: 'train.txt', dev: 'dev.txt' } as const
const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const
const [CLS, SEP, MASK] = [2, 3, 4] as const
/** [CLS] before, [SEP] after each of the two passages. */
const MARKS = 3
/** Labels of the next passage, as Hugging Face numbers them. */
const [FOLLOWS, STRANGE] = [0, 1] as const

const RECIPE: Recipe = { ...COMMON, rounds: 30, batch: 16, innerRateMicro: 2000, chunk: 256 }

export const masked: TaskKind = {
  id: ID,
  about: 'hidden tokens and the next passage of plain text (train.txt, dev.txt), by an encoder from nothing',
  async found(asked, folder) {
    return masked.open({ ...asked, ...(await foundRoots(filesIn(folder, FILES))) }).options
  },
  open(options): Task {
    const read = new OptionReader(ID, options)
    const roots = readRoots(read, FILES)
    const encoder = readEncoder(read, { dropoutPercent: 0 })
    const maskPercent = read.whole('maskPercent', { least: 1, most: 90, otherwise: 15 })
    const heldOut = read.whole('heldOut', { least: 1, most: 1_000_000, otherwise: 512 })
    read.end()
    const model = modelOf(readConfig(encoderConfig(encoder, 2)), 'masked')
    return {
      id: ID,
      options: { ...encoder, maskPercent, heldOut, ...rootOptions(roots) },
      recipe: RECIPE,
      fall: cosineFall,
      scoreName: 'share of hidden tokens',
      scoreTarget: 0,
      tensors: () => meshTensors(model),
      bases: async () => meshBases(model),
      load: source => load({ ...encoder, model, maskPercent, most: heldOut, roots }, source)
    }
  }
}

interface Masking {
  readonly length: number
  readonly vocabulary: number
  readonly maskPercent: number
}

interface Parts extends Masking {
  readonly model: Model
  /** Held-out samples, at most. */
  readonly most: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async (parts: Parts, { folder, seed }: TaskSource): Promise<LoadedTask> => {
  const { model, length, vocabulary, most, roots } = parts
  const files = filesIn(folder, FILES)
  await checkFiles(files, roots)
  const tokenizer = openTokenizer(await trainBpe(linesIn(files.train), { vocabulary, specials: SPECIALS }))
  const passagesOf = (path: string) => readPassages(path, tokenizer, Math.floor((length - MARKS) / 2))
  const known = { ...parts, vocabulary: tokenizer.vocabulary }
  const passages = await passagesOf(files.train)
  const frequent = mostFrequent(passages)
  const train = new Pairs(passages, known, new Prng(concatBytes(START, seed)))
  const heldOut = new Pairs(await passagesOf(files.dev), known, null, most)
  return {
    samples: train.count,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch: RECIPE.batch, length, picks: RECIPE.batch * picksOf(parts) },
        train,
        heldOut,
        scoring: () => new HiddenScoring(heldOut, frequent),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.01, normMax: 1 }
      }),
    inference: async device => {
      const rowOf = (text: string): Row => marked(tokenizer.encode(` ${text}`).slice(0, length - 2))
      const pieces = Array.from({ length: known.vocabulary }, (_, id) => pieceText(tokenizer, id))
      return hiddenInference(
        { device, model, lengthMax: length, rowOf, inputs: encoderInputs, picksMax: ASKED_MAX },
        text => openText(tokenizer, text, length),
        pieces
      )
    }
  }
}

/** What is no text by itself goes by its piece. */
const pieceText = (tokenizer: Tokenizer, id: number): string => {
  const text = tokenizer.decode([id])
  return text === '' || text.includes('\ufffd') ? (tokenizer.tokenOf(id) ?? '') : text
}

/** Places of a text that may be asked for at once. */
const ASKED_MAX = 16
const HIDDEN = '[MASK]'

/** As a first passage that none follows. */
const marked = (pieces: readonly number[]): Row => ({ tokens: [CLS, ...pieces, SEP] })

/** @throws MeshError `INFERENCE_PROMPT` */
export const openText = (tokenizer: Pick<Tokenizer, 'encode'>, text: string, length: number): OpenText => {
  const parts = text.split(HIDDEN)
  const count = parts.length - 1
  if (count < 1 || count > ASKED_MAX)
    throw badPrompt(
      `the text has ${HIDDEN} ${count} times, and the model says what stands there`,
      `write ${HIDDEN} at 1 to ${ASKED_MAX} places where a piece of the text is to be found`,
      { places: count, most: ASKED_MAX }
    )
  const pieces: number[] = []
  const picks: number[] = []
  const places: { start: number; end: number }[] = []
  let at = 0
  parts.forEach((part, i) => {
    const isLast = i === count
    // A piece that begins a word has the space before it, so none stays behind.
    const shown = `${i === 0 ? ' ' : ''}${isLast ? part : part.trimEnd()}`
    if (shown.trim() !== '') pieces.push(...tokenizer.encode(shown))
    at += part.length
    if (isLast) return
    picks.push(1 + pieces.length)
    pieces.push(MASK)
    places.push({ start: at, end: at + HIDDEN.length })
    at += HIDDEN.length
  })
  if (pieces.length > length - 2)
    throw badPrompt(
      `the text has ${pieces.length} pieces, the model takes ${length - 2}`,
      'give a shorter text',
      { pieces: pieces.length, most: length - 2 }
    )
  return { row: { ...marked(pieces), picks }, places }
}

const START = utf8('gradmesh/masked/1')

async function* linesIn(path: string): AsyncGenerator<string> {
  for await (const { text } of linesOf(path)) if (text.trim() !== '') yield text
}

/** As many whole lines as fit into `most` tokens; of a longer line its beginning. Code: `TRAIN_DATA`. */
const readPassages = async (path: string, tokenizer: Tokenizer, most: number): Promise<number[][]> => {
  const passages: number[][] = []
  let open: number[] = []
  for await (const line of linesIn(path)) {
    const pieces = tokenizer.encode(` ${line}`).slice(0, most)
    if (open.length + pieces.length > most) {
      passages.push(open)
      open = []
    }
    open.push(...pieces)
  }
  if (open.length > 0) passages.push(open)
  if (passages.length >= 3) return passages
  throw new MeshError('TRAIN_DATA', `${path} has ${passages.length} passages of ${most} tokens, 3 wanted`, {
    remedy: 'choose more text or a smaller length',
    data: { path, passages: passages.length }
  })
}

/** What to say of a hidden token when nothing is known of its neighbours. */
const mostFrequent = (passages: readonly (readonly number[])[]): number => {
  const counts = new Map<number, number>()
  for (const token of passages.flat()) counts.set(token, (counts.get(token) ?? 0) + 1)
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most))[0]
}

/** Rows of a sample that may be asked for. */
const picksOf = ({ length, maskPercent }: Masking): number => Math.ceil((length * maskPercent) / 100)

interface Pair {
  readonly tokens: readonly number[]
  /** Where the second passage begins. */
  readonly second: number
  /** Places of hidden tokens, and what stood there. */
  readonly hidden: readonly { readonly place: number; readonly token: number }[]
  readonly next: number
}

export class Pairs implements Samples {
  readonly count: number
  readonly #passages: readonly (readonly number[])[]
  readonly #masking: Masking
  readonly #random: Prng | null

  /** With `random` each draw of a sample is another; without, all follow from its number. */
  constructor(
    passages: readonly (readonly number[])[],
    masking: Masking,
    random: Prng | null,
    most = Number.POSITIVE_INFINITY
  ) {
    this.count = Math.min(most, passages.length - 1)
    this.#passages = passages
    this.#masking = masking
    this.#random = random
  }

  /** Rows of a sample that may be asked for. */
  get picks(): number {
    return picksOf(this.#masking)
  }

  pair(sample: number): Pair {
    const random = this.#random ?? new Prng(concatBytes(START, u32(sample)))
    const next = random.oneIn(2) ? STRANGE : FOLLOWS
    const first = this.#passages[sample]!
    const other = this.#passages[next === FOLLOWS ? sample + 1 : this.#strangerTo(sample, random)]!
    const tokens = [CLS, ...first, SEP, ...other, SEP]
    const second = first.length + 2
    return { tokens, second, next, hidden: hide(tokens, this.#masking, random) }
  }

  inputs(samples: Uint32Array, size: number) {
    const { length } = this.#masking
    const per = picksOf(this.#masking)
    const tokens = new Uint32Array(size * length)
    const types = new Uint32Array(size * length)
    const lengths = new Uint32Array(size).fill(1)
    const picks = new Uint32Array(size * per)
    const labels = new Uint32Array(size * per)
    const weights = new Float32Array(size * per)
    const nextLabels = new Uint32Array(size)
    const pairs = Array.from(samples, sample => this.pair(sample))
    const asked = pairs.reduce((sum, { hidden }) => sum + hidden.length, 0)
    pairs.forEach((pair, at) => {
      tokens.set(pair.tokens, at * length)
      types.fill(1, at * length + pair.second, at * length + pair.tokens.length)
      lengths[at] = pair.tokens.length
      nextLabels[at] = pair.next
      pair.hidden.forEach(({ place, token }, i) => {
        picks[at * per + i] = at * length + place
        labels[at * per + i] = token
        weights[at * per + i] = 1 / asked
      })
    })
    const nextWeights = new Float32Array(size).fill(1 / samples.length, 0, samples.length)
    return {
      ...{ tokens, types, lengths, picks, labels, weights },
      'next.labels': nextLabels,
      'next.weights': nextWeights
    }
  }

  /** Any passage but the sample's own and its next. */
  #strangerTo(sample: number, random: Prng): number {
    const drawn = random.below(this.#passages.length - 2)
    return drawn < sample ? drawn : drawn + 2
  }
}

/** Of the tokens that may be hidden: 8 in 10 become [MASK], one any other token, one stays, and all are asked for. */
const hide = (tokens: number[], masking: Masking, random: Prng): Pair['hidden'] => {
  const { vocabulary, maskPercent } = masking
  const places = tokens.flatMap((token, place) => (token >= SPECIALS.length ? [place] : []))
  const wanted = Math.max(1, Math.round((places.length * maskPercent) / 100))
  const chosen = random.shuffle(places).slice(0, Math.min(wanted, picksOf(masking)))
  return chosen.map(place => {
    const token = tokens[place]!
    const fate = random.below(10)
    if (fate < 8) tokens[place] = MASK
    else if (fate === 8) tokens[place] = SPECIALS.length + random.below(vocabulary - SPECIALS.length)
    return { place, token }
  })
}

class HiddenScoring implements Scoring {
  readonly #pairs: Pairs
  readonly #frequent: number
  readonly #meter = new PerplexityMeter()
  #hidden = 0
  #right = 0
  #nextRight = 0
  #rightBlind = 0

  constructor(pairs: Pairs, frequent: number) {
    this.#pairs = pairs
    this.#frequent = frequent
  }

  add(samples: Uint32Array, [logits, next]: readonly Float32Array[]): void {
    const batch = next!.length / 2
    samples.forEach((sample, at) => {
      const { hidden, next: label } = this.#pairs.pair(sample)
      const per = this.#pairs.picks
      const columns = logits!.length / (batch * per)
      hidden.forEach(({ token }, i) => {
        const row = logits!.subarray((at * per + i) * columns, (at * per + i + 1) * columns)
        if (argmax(row) === token) this.#right++
        if (this.#frequent === token) this.#rightBlind++
        this.#meter.add(surprise(row, token), 1)
      })
      this.#hidden += hidden.length
      if (argmax(next!.subarray(2 * at, 2 * at + 2)) === label) this.#nextRight++
    })
  }

  report(loss: number): Report {
    const { perplexity } = this.#meter.report()
    const maskedAccuracy = this.#right / this.#hidden
    const blindAccuracy = this.#rightBlind / this.#hidden
    const nextAccuracy = this.#nextRight / this.#pairs.count
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`
    return {
      loss,
      score: maskedAccuracy,
      samples: this.#pairs.count,
      text:
        `${percent(maskedAccuracy)} of ${this.#hidden} hidden tokens right (${percent(blindAccuracy)} by always saying the most frequent one), ` +
        `perplexity ${perplexity.toFixed(3)}; ` +
        `${percent(nextAccuracy)} of ${this.#pairs.count} next passages; loss ${loss.toFixed(4)}`,
      figures: { maskedAccuracy, blindAccuracy, perplexity, nextAccuracy, hidden: this.#hidden, loss }
    }
  }
}

/** −log of the softmax's share of one column. */
const surprise = (row: Float32Array, column: number): number => {
  const top = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const total = row.reduce((sum, value) => sum + Math.exp(value - top), 0)
  return Math.log(total) + top - row[column]!
}
