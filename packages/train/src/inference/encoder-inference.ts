/** What an encoder with a head for classes can be asked: a text's class, the entities in it, vectors. */
import { type Model, modelOf, Variables } from '@gradmesh/models'
import type { Device } from '@gradmesh/tensor'
import { argmax } from '../argmax.ts'
import { writeTrainable } from '../models/weights.ts'
import { Batches, encoderInputs, meanShares, normalised, softmax } from './batches.ts'
import type { Classified, ClassShare, Embedded, Inference } from './inference.ts'
import { checkPrompt } from './text-generator.ts'
import { inTexts, windowsOf } from './words.ts'

export interface EncoderParts {
  readonly device: Device
  readonly model: Model
  readonly lengthMax: number
  /** Of a text, at most `lengthMax`. */
  readonly tokensOf: (text: string) => readonly number[]
}

const encoderInference = (
  { device, model, lengthMax, tokensOf }: EncoderParts,
  classifyBy: (
    logitsOf: (texts: readonly (readonly number[])[]) => Promise<Float32Array[]>
  ) => NonNullable<Inference['classify']>
): Inference => {
  const variables = new Variables(device)
  const vocabulary = 'vocabSize' in model.config ? model.config.vocabSize : 0
  const classes = new Batches(model, variables, lengthMax, encoderInputs)
  const vectors = new Batches(modelOf(model.config, 'embedding'), variables, lengthMax, (texts, shape) => ({
    ...encoderInputs(texts, shape),
    shares: meanShares(texts, shape)
  }))
  return {
    load: weights => writeTrainable(model, variables, weights),
    classify: classifyBy(texts => classes.run(texts)),
    async embed(texts): Promise<Embedded[]> {
      const tokens = texts.map(text => (typeof text === 'string' ? tokensOf(text) : text))
      for (const each of tokens) checkPrompt(each, lengthMax, vocabulary)
      const found = await vectors.run(tokens)
      return found.map((vector, i) => ({ tokens: tokens[i]!.length, vector: normalised(vector) }))
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
    const logits = await logitsOf(texts.map(parts.tokensOf))
    return logits.map(each => ({ kind: 'classes', classes: likeliestFirst(names, softmax(each)) }))
  })

const likeliestFirst = (names: readonly string[], shares: readonly number[]): ClassShare[] =>
  names
    .map((label, i) => ({ label, share: shares[i]! }))
    .sort((a, b) => b.share - a.share || (a.label < b.label ? -1 : 1))

/** The entities of each text: `tags` in the order of the logits, `encodeWords` as in training. */
export const tokenInference = (
  parts: EncoderParts,
  tags: readonly string[],
  encodeWords: (words: readonly string[]) => {
    readonly ids: readonly number[]
    readonly starts: readonly number[]
  }
): Inference =>
  encoderInference(parts, logitsOf => async texts => {
    const windows = texts.map(text => windowsOf(text, encodeWords, parts.lengthMax))
    const logits = await logitsOf(windows.flat().map(({ ids }) => ids))
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
