/**
 * What a task's model can be asked once it has weights: to go on with a text, to put texts into classes, to turn
 * them into vectors. A task offers what its model can do and leaves the rest out.
 */
import { MeshError } from '@gradmesh/core'
import type { Finish, SampleOptions } from '@gradmesh/models'

export interface GenerateAsk extends SampleOptions {
  /** Text, or tokens as they are; empty text begins where a text of the training data begins. */
  readonly prompt: string | readonly number[]
  readonly tokensMax: number
  /** Ends before the first of these. */
  readonly stop?: readonly string[]
  /** Tells the chances of each token and of so many likeliest. */
  readonly alternatives?: number
}

export interface TokenChance {
  readonly text: string
  /** Natural logarithm of its chance, before temperature and penalties. */
  readonly logChance: number
  readonly likeliest: readonly { readonly text: string; readonly logChance: number }[]
}

/** What one token added. Its text may be empty, or hold that of tokens before it: characters come whole. */
export interface TextPiece {
  readonly text: string
  /** null: the rest of what was held back, and no token. */
  readonly token: number | null
  readonly chance: TokenChance | null
}

export interface Generation {
  readonly promptTokens: number
  readonly pieces: AsyncGenerator<TextPiece, Finish>
}

export interface ClassShare {
  readonly label: string
  readonly share: number
}

export interface FoundEntity {
  readonly type: string
  readonly text: string
  /** Places in the text, in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/** A place that a text leaves open, in UTF-16 units, and the likeliest pieces for it; a leading space begins a word. */
export interface OpenPlace {
  readonly start: number
  readonly end: number
  readonly pieces: readonly ClassShare[]
}

/** Of one text: its classes, likeliest first; or the entities in it; or what may stand where it is open. */
export type Classified =
  | { readonly kind: 'classes'; readonly classes: readonly ClassShare[] }
  | { readonly kind: 'entities'; readonly entities: readonly FoundEntity[] }
  | { readonly kind: 'places'; readonly places: readonly OpenPlace[] }

export interface Embedded {
  readonly tokens: number
  /** Of length 1. */
  readonly vector: Float32Array
}

export interface Inference {
  /** Weights as a trainer takes them. Not while a text is under way. */
  load(weights: Float32Array): void
  /** @throws MeshError `INFERENCE_PROMPT` */
  readonly generate?: (ask: GenerateAsk) => Generation
  /** @throws MeshError `INFERENCE_PROMPT` where a model fills in hidden pieces and a text hides none, or too many */
  readonly classify?: (texts: readonly string[]) => Promise<Classified[]>
  /** Mean of the last layer over a text's tokens. @throws MeshError `INFERENCE_PROMPT` */
  readonly embed?: (texts: readonly (string | readonly number[])[]) => Promise<Embedded[]>
  free(): void
}

export const ABILITIES = ['generate', 'classify', 'embed'] as const
export type Ability = (typeof ABILITIES)[number]

const WORDS: Readonly<Record<Ability, string>> = {
  generate: 'go on with a text',
  classify: 'classify texts',
  embed: 'turn texts into vectors'
}

/** Those of ours. */
const TASKS: Readonly<Record<Ability, string>> = {
  generate: 'causal',
  classify: 'sequences, entities, masked',
  embed: 'causal, sequences, entities, masked'
}

export const abilitiesOf = (inference: Inference | null): readonly Ability[] =>
  ABILITIES.filter(ability => inference?.[ability] !== undefined)

/** @throws MeshError `INFERENCE_KIND` when the task's model can't do it, or nothing of the kind. */
export const able = <A extends Ability>(
  task: string,
  inference: Inference | null,
  ability: A
): NonNullable<Inference[A]> => {
  const found = inference?.[ability]
  if (found !== undefined) return found as NonNullable<Inference[A]>
  const can = abilitiesOf(inference).map(other => WORDS[other])
  throw new MeshError('INFERENCE_KIND', `the model of task "${task}" can't ${WORDS[ability]}`, {
    remedy: can.length === 0 ? `ask a mesh whose task can: ${TASKS[ability]}` : `it can ${can.join(' and ')}`,
    data: { task, ability }
  })
}

export const badPrompt = (what: string, remedy: string, data: MeshError['data'] = {}): MeshError =>
  new MeshError('INFERENCE_PROMPT', what, { remedy, data })
