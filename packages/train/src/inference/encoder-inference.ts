/** What an encoder with a head can be asked: a text's class, the entities in it, what is hidden in it, vectors. */
import { type Inputs, type Model, modelOf, Variables } from '@gradmesh/models'
import type { Device } from '@gradmesh/tensor'
import { argmax } from '../argmax.ts'
import { writeTrainable } from '../models/weights.ts'
import { Batches, normalised, type Padded, picked, type Row, shares, softmax } from './batches.ts'
import type { Classified, ClassShare, Embedded, Inference } from './inference.ts'
import { checkPrompt } from './text-generator.ts'
import { type EncodedWords, inTexts, windowsOf } from './words.ts'

export interface EncoderParts {
  readonly device: Device
  readonly model: Model
  readonly lengthMax: number
  /** Of a text, at most `lengthMax` tokens. */
  readonly rowOf: (text: string) => Row
  readonly inputs: (rows: readonly Row[], shape: Padded) => Inputs
  /** Where the head says what stands at some places: how many of a text. */
  readonly picksMax?: number
}

const encoderInference = (
  { device, model, lengthMax, rowOf, inputs, picksMax }: EncoderParts,
  classifyBy: (
    logitsOf: (rows: readonly Row[]) => Promise<Float32Array[]>
  ) => NonNullable<Inference['classify']>
): Inference => {
  const variables = new Variables(device)
  const vocabulary = 'vocabSize' in model.config ? model.config.vocabSize : 0
  const classInputs: typeof inputs = (rows, shape) =>
    picksMax === undefined
      ? inputs(rows, shape)
      : { ...inputs(rows, shape), picks: picked(rows, shape, picksMax) }
  const classes = new Batches(model, variables, lengthMax, classInputs, picksMax)
  const vectors = new Batches(modelOf(model.config, 'embedding'), variables, lengthMax, (rows, shape) => ({
    ...inputs(rows, shape),
    shares: shares(rows, shape)
  }))
  return {
    load: weights => writeTrainable(model, variables, weights),
    classify: classifyBy(rows => classes.run(rows)),
    async embed(texts): Promise<Embedded[]> {
      const rows = texts.map(text => (typeof text === 'string' ? rowOf(text) : { tokens: text }))
      for (const { tokens } of rows) checkPrompt(tokens, lengthMax, vocabulary)
      const found = await vectors.run(rows)
      return found.map((vector, i) => ({ tokens: rows[i]!.tokens.length, vector: normalised(vector) }))
    },
    free() {
      classes.free()
      vectors.free()
      variables.free()
    }
  }
}

/** A class for each text: `names` in the order of the logits. */
export const sequenceInference = (parts: EncoderParts, names: readonly string[]): Inference =>
  encoderInference(parts, logitsOf => async texts => {
    const logits = await logitsOf(texts.map(parts.rowOf))
    return logits.map(each => ({ kind: 'classes', classes: likeliestFirst(names, softmax(each)) }))
  })

/** A text with places left open, as `rowOf` reads it. */
export interface OpenText {
  readonly row: Row
  /** Of the places, one for each of the row's picks. */
  readonly places: readonly { readonly start: number; readonly end: number }[]
}

const PIECES_TOLD = 10

/** The likeliest pieces where a text is open: `pieces` in the order of the logits, which may be more. */
export const hiddenInference = (
  parts: EncoderParts & { readonly picksMax: number },
  openText: (text: string) => OpenText,
  pieces: readonly string[]
): Inference =>
  encoderInference(parts, logitsOf => async texts => {
    const asked = texts.map(openText)
    const logits = await logitsOf(asked.map(({ row }) => row))
    return asked.map(({ places }, i) => ({
      kind: 'places',
      places: places.map((place, pick) => {
        const from = (pick * logits[i]!.length) / parts.picksMax
        const shares = softmax(logits[i]!.subarray(from, from + pieces.length))
        return { ...place, pieces: likeliestFirst(pieces, shares).slice(0, PIECES_TOLD) }
      })
    }))
  })

const likeliestFirst = (names: readonly string[], shares: readonly number[]): ClassShare[] =>
  names
    .map((label, i) => ({ label, share: shares[i]! }))
    .sort((a, b) => b.share - a.share || (a.label < b.label ? -1 : 1))

/** The entities of each text: `tags` in the order of the logits, `encode` as in training. */
export const tokenInference = (
  parts: EncoderParts,
  tags: readonly string[],
  encode: (words: readonly string[]) => EncodedWords
): Inference =>
  encoderInference(parts, logitsOf => async texts => {
    const windows = texts.map(text => windowsOf(text, encode, parts.lengthMax))
    const logits = await logitsOf(windows.flat().map(({ ids, types }) => ({ tokens: ids, types })))
    let at = 0
    return texts.map((text, i): Classified => {
      const words = windows[i]!.flatMap(window => {
        const rows = logits[at++]!
        return window.words.map((word, w) => {
          const row = window.starts[w]! * tags.length
          return { ...word, tag: tags[argmax(rows.subarray(row, row + tags.length))]! }
        })
      })
      return { kind: 'entities', entities: inTexts(text, words) }
    })
  })
