/**
 * Asking the model of the newest final weights. One request at a time is answered, each wholly from the state that was
 * the newest when its turn came; the answer names that state, so that whoever holds the ledger can check it.
 */
import type { FinalState } from '@gradmesh/api'
import { type Clock, MeshError, toHex } from '@gradmesh/core'
import type { Ability, GenerateAsk } from '@gradmesh/train'
import type { AskedModel, AskedText, AskedVectors } from '../http/index.ts'
import type { FinalPoint } from '../state/ledger.ts'
import type { StateTable } from '../state/state-table.ts'
import type { Remote } from '../worker-rpc.ts'
import type { AnsweringTable, TextStep } from './answering.ts'
import { Turns } from './turns.ts'

/** Requests in line behind the one that is answered. */
const WAITING_MAX = 8

export interface AskingInit {
  readonly clock: Pick<Clock, 'nowMs'>
  readonly chainId: string
  readonly answering: Remote<AnsweringTable>
  readonly state: Pick<Remote<StateTable>, 'weights'>
  readonly final: () => FinalPoint
  /** Why the adapter must be left alone; null while it need not. */
  readonly pause: () => string | null
}

export class Asking implements AskedModel {
  readonly #init: AskingInit
  readonly #turns: Turns
  #abilities: Promise<readonly Ability[]> | undefined

  constructor(init: AskingInit) {
    this.#init = init
    this.#turns = new Turns(WAITING_MAX, init.clock)
  }

  get final(): FinalState {
    return this.#stateOf(this.#init.final())
  }

  /** @throws MeshError `INFERENCE_PAUSED` */
  async abilities(): Promise<readonly Ability[]> {
    this.#assertGoing()
    this.#abilities ??= this.#init.answering.abilities(undefined)
    try {
      return await this.#abilities
    } catch (error) {
      this.#abilities = undefined
      throw told(error)
    }
  }

  /** @throws MeshError `INFERENCE_BUSY`, `INFERENCE_KIND`, `INFERENCE_PROMPT`, `INFERENCE_PAUSED`, `INFERENCE_LEFT` */
  async generate(ask: GenerateAsk, signal: AbortSignal): Promise<AskedText> {
    const { answering } = this.#init
    const { state, release } = await this.#begin(signal)
    const end = async (): Promise<void> => {
      await answering.endText(undefined).catch(() => {})
      release()
    }
    try {
      const { promptTokens } = await answering.beginText({ root: state.root, ask })
      const next = (): Promise<TextStep> =>
        signal.aborted
          ? Promise.resolve({ finish: 'stop' })
          : answering.continueText(undefined).catch(error => Promise.reject(told(error)))
      return { state, promptTokens, next, end }
    } catch (error) {
      await end()
      throw told(error)
    }
  }

  /** Codes: as `generate`. */
  async embed(texts: readonly (string | readonly number[])[], signal: AbortSignal): Promise<AskedVectors> {
    const { state, release } = await this.#begin(signal)
    try {
      return { state, vectors: await this.#init.answering.embed({ root: state.root, texts }) }
    } catch (error) {
      throw told(error)
    } finally {
      release()
    }
  }

  async #begin(signal: AbortSignal): Promise<{ state: FinalState; release: () => void }> {
    this.#assertGoing()
    const release = await this.#turns.take(signal)
    try {
      this.#assertGoing()
      return { state: await this.#settle(), release }
    } catch (error) {
      release()
      throw told(error)
    }
  }

  /** Gives the newest final weights to the model, unless it has them. */
  async #settle(): Promise<FinalState> {
    const { answering, state, final } = this.#init
    for (;;) {
      const point = final()
      const root = toHex(point.root)
      if ((await answering.answersFrom(undefined)) === root) return this.#stateOf(point)
      const weights = await state.weights({ id: point.id })
      // A newer block has become final meanwhile.
      if (weights === null) continue
      await answering.answerFrom({ root, weights }, [weights.buffer as ArrayBuffer])
      return this.#stateOf(point)
    }
  }

  #stateOf({ root, height, accounts }: FinalPoint): FinalState {
    return { chainId: this.#init.chainId, root: toHex(root), height, round: accounts.round }
  }

  #assertGoing(): void {
    const pause = this.#init.pause()
    if (pause !== null) throw paused(pause)
  }
}

const paused = (why: string, cause?: unknown): MeshError =>
  new MeshError('INFERENCE_PAUSED', `the model can't be asked now: ${why}`, {
    cause,
    remedy: 'try again in a minute; GET /v1/status says how the peer is doing'
  })

/** Whatever went wrong with adapter or thread is one thing to whoever asks. */
const told = (error: unknown): unknown =>
  error instanceof MeshError && /^(COMPUTE|GPU|WORKER)_/.test(error.code)
    ? paused(error.message, error)
    : error
