/**
 * The model's answers, on the compute thread beside training and on the same device. What is asked comes in small
 * pieces, a token or a batch each, and the device takes its work in order: a piece waits for the training steps that
 * were submitted before it, and a step for one piece at most. So generating costs training little, and needs no rule.
 */
import { MeshError, systemClock } from '@gradmesh/core'
import { type Layout, unpack } from '@gradmesh/delta'
import type { Device } from '@gradmesh/tensor'
import {
  type Ability,
  abilitiesOf,
  able,
  type Embedded,
  floatView,
  type GenerateAsk,
  type Generation,
  type Inference,
  type LoadedTask,
  type TextPiece
} from '@gradmesh/train'
import type { Duty } from '../caps/duty.ts'

/** One more piece, or how the text ended. */
export type TextStep = { readonly piece: TextPiece } | { readonly finish: 'stop' | 'length' }

export interface Host {
  readonly task: () => { readonly id: string; readonly loaded: LoadedTask; readonly layout: Layout }
  /** Runs `work` on the device, opened again when it was lost before. Code: `COMPUTE_LOST`. */
  readonly onDevice: <T>(work: (device: Device) => Promise<T>) => Promise<T>
  readonly duty: () => Duty | null
}

interface Held {
  readonly device: Device
  readonly inference: Inference | null
  /** State root of the weights that it has. */
  root: string | null
}

export const makeAnswering = ({ task, onDevice, duty }: Host) => {
  let held: Held | null = null
  let text: Generation['pieces'] | null = null

  const on = <T>(work: (held: Held) => T | Promise<T>): Promise<T> =>
    onDevice(async device => {
      if (held?.device !== device) {
        const inference = (await task().loaded.inference?.(device)) ?? null
        held = { device, inference, root: null }
        text = null
      }
      const limit = duty()
      await limit?.rest()
      const startMs = systemClock.nowMs()
      try {
        return await work(held)
      } finally {
        limit?.worked(systemClock.nowMs() - startMs)
      }
    })

  const withWeights = <T>(root: string, work: (inference: Inference | null) => T | Promise<T>): Promise<T> =>
    on(held => {
      if (held.root === root) return work(held.inference)
      throw new MeshError('COMPUTE_LOST', 'the adapter was opened again since the weights were given to it', {
        remedy: 'ask again'
      })
    })

  return {
    abilities: (): Promise<readonly Ability[]> => on(({ inference }) => abilitiesOf(inference)),

    /** The root of the weights that answers are from; null before any. */
    answersFrom: (): Promise<string | null> => on(held => held.root),

    /** Unit 2^-24, padded, as the state has them. Ends the text under way. */
    answerFrom: (input: { root: string; weights: Int32Array }): Promise<void> =>
      on(held => {
        text = null
        held.inference?.load(floatView(unpack(task().layout, input.weights)))
        held.root = input.root
      }),

    /** Begins a text; the one under way ends. Codes: `INFERENCE_KIND`, `INFERENCE_PROMPT`, `COMPUTE_LOST`. */
    beginText: (input: { root: string; ask: GenerateAsk }): Promise<{ promptTokens: number }> =>
      withWeights(input.root, inference => {
        const { promptTokens, pieces } = able(task().id, inference, 'generate')(input.ask)
        text = pieces
        return { promptTokens }
      }),

    continueText: (): Promise<TextStep> =>
      on(async () => {
        if (text === null) return { finish: 'stop' }
        const { value, done } = await text.next()
        return done === true ? { finish: value } : { piece: value }
      }),

    async endText(): Promise<void> {
      await text?.return('stop')
      text = null
    },

    /** Codes: as `beginText`. */
    embed: (input: { root: string; texts: readonly (string | readonly number[])[] }): Promise<Embedded[]> =>
      withWeights(input.root, async inference => able(task().id, inference, 'embed')(input.texts))
  }
}

export type AnsweringTable = ReturnType<typeof makeAnswering>

/** Calls that must not wait for a round: they have a queue of their own. */
export const ANSWERING = [
  'abilities',
  'answersFrom',
  'answerFrom',
  'beginText',
  'continueText',
  'endText',
  'embed'
] as const satisfies readonly (keyof AnsweringTable)[]
