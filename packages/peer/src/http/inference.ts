/** Completions, embeddings and models in OpenAI's form, from what the peer's model says. */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import {
  asOpenAiError,
  COMPLETION_TOKENS,
  type Completion,
  type Embeddings,
  type InputOf,
  type Logprobs,
  type Models,
  type Routes
} from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'
import type { GenerateAsk, TextPiece } from '@gradmesh/train'
import { ProblemError, refuse } from './problems.ts'
import { securityHeaders } from './security-headers.ts'
import type { AskedModel, AskedText, PeerView } from './view.ts'

type CompletionAsk = InputOf<Routes['completions']>
type EmbeddingAsk = InputOf<Routes['embeddings']>

/** A client that takes no more of its text for so long is cut off: others wait. */
const DRAIN_MS_MAX = 10_000
const RETRY_SECONDS = 10

export const tellModels = async (view: PeerView): Promise<Models> => {
  const model = askedModel(view)
  const { network, task } = view.status()
  const can = await model.abilities().catch(asProblem)
  const about = { id: network, created: 0, owned_by: 'gradmesh', task }
  return {
    object: 'list',
    data: [{ ...about, object: 'model', can: [...can], gradmesh: model.final }]
  }
}

export const embed = async (view: PeerView, ask: EmbeddingAsk, gone: AbortSignal): Promise<Embeddings> => {
  const model = askedModel(view)
  const name = modelName(view, ask.model)
  const { state, vectors } = await model.embed(textsOf(ask.input), gone).catch(asProblem)
  const tokens = vectors.reduce((sum, vector) => sum + vector.tokens, 0)
  return {
    object: 'list',
    data: vectors.map(({ vector }, index) => ({
      object: 'embedding',
      index,
      embedding: ask.encoding_format === 'base64' ? base64(vector) : [...vector]
    })),
    model: name,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    gradmesh: state
  }
}

const textsOf = (input: EmbeddingAsk['input']): readonly (string | readonly number[])[] =>
  typeof input === 'string'
    ? [input]
    : input.every(each => typeof each === 'string')
      ? input
      : [input as number[]]

const base64 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')

/** A text under way, on its way into one answer or many. */
export class CompletionWriter {
  readonly #ask: CompletionAsk
  readonly #text: AskedText
  readonly #frame: Pick<Completion, 'id' | 'object' | 'created' | 'model' | 'system_fingerprint' | 'gradmesh'>
  #tokens = 0
  #offset = 0

  /** @throws ProblemError */
  static async begin(view: PeerView, ask: CompletionAsk, gone: AbortSignal): Promise<CompletionWriter> {
    const model = askedModel(view)
    const name = modelName(view, ask.model)
    const text = await model.generate(generateAsk(ask), gone).catch(asProblem)
    return new CompletionWriter(ask, name, text)
  }

  constructor(ask: CompletionAsk, model: string, text: AskedText) {
    this.#ask = ask
    this.#text = text
    this.#frame = {
      id: `cmpl-${randomBytes(12).toString('hex')}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model,
      system_fingerprint: text.state.root,
      gradmesh: text.state
    }
  }

  /** What there is of it once `gone` aborts. @throws ProblemError */
  async whole(gone: AbortSignal): Promise<Completion> {
    try {
      let text = this.#echo()
      const parts: Logprobs[] = []
      for (;;) {
        const step = await this.#next()
        if ('finish' in step) return this.#completion(text, joined(parts), step.finish, this.#usage())
        if (gone.aborted) return this.#completion(text, joined(parts), null, this.#usage())
        text += step.piece.text
        parts.push(...this.#logprobs(step.piece))
      }
    } finally {
      await this.#text.end()
    }
  }

  /** Takes over the response. Headers are sent with the first token, so that until then errors have their status. */
  async stream(response: ServerResponse, gone: AbortSignal): Promise<void> {
    // A client that leaves in the middle is everyday; `gone` tells of it.
    response.on('error', () => {})
    try {
      let step = await this.#next()
      response.writeHead(200, {
        ...securityHeaders,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        connection: 'close'
      })
      const echo = this.#echo()
      if (echo !== '') await send(response, this.#completion(echo, null, null, null))
      for (; !('finish' in step) && !gone.aborted; step = await this.#next()) {
        const { text } = step.piece
        const [chances = null] = this.#logprobs(step.piece)
        if (text !== '' || chances !== null) await send(response, this.#completion(text, chances, null, null))
      }
      if ('finish' in step) await send(response, this.#completion('', null, step.finish, null))
      if (this.#ask.stream_options?.include_usage === true)
        await send(response, { ...this.#completion('', null, null, this.#usage()), choices: [] })
      response.end('data: [DONE]\n\n')
    } catch (error) {
      if (!response.headersSent) throw error
      // Too late for a status: the client reads the error in place of the next part.
      const problem =
        error instanceof ProblemError ? error : refuse('HTTP_INTERNAL', 'the peer failed to answer')
      response.end(`data: ${JSON.stringify(asOpenAiError(problem.problem))}\n\n`)
    } finally {
      await this.#text.end()
    }
  }

  async #next() {
    const step = await this.#text.next().catch(asProblem)
    if ('piece' in step && step.piece.token !== null) this.#tokens++
    return step
  }

  #echo(): string {
    const { echo, prompt } = this.#ask
    if (echo !== true || prompt === undefined) return ''
    const text =
      typeof prompt === 'string' ? prompt : prompt.filter(each => typeof each === 'string').join('')
    this.#offset += text.length
    return text
  }

  #usage(): Completion['usage'] {
    const { promptTokens } = this.#text
    return {
      prompt_tokens: promptTokens,
      completion_tokens: this.#tokens,
      total_tokens: promptTokens + this.#tokens
    }
  }

  #logprobs({ chance }: TextPiece): Logprobs[] {
    if (chance === null) return []
    const offset = this.#offset
    this.#offset += chance.text.length
    const likeliest = chance.likeliest.map(({ text, logChance }) => [text, logChance])
    return [
      {
        tokens: [chance.text],
        token_logprobs: [chance.logChance],
        top_logprobs: [Object.fromEntries(likeliest)],
        text_offset: [offset]
      }
    ]
  }

  #completion(
    text: string,
    logprobs: Logprobs | null,
    finish: 'stop' | 'length' | null,
    usage: Completion['usage']
  ): Completion {
    return { ...this.#frame, choices: [{ index: 0, text, logprobs, finish_reason: finish }], usage }
  }
}

const joined = (parts: readonly Logprobs[]): Logprobs | null =>
  parts.length === 0
    ? null
    : {
        tokens: parts.flatMap(part => part.tokens),
        token_logprobs: parts.flatMap(part => part.token_logprobs),
        top_logprobs: parts.flatMap(part => part.top_logprobs),
        text_offset: parts.flatMap(part => part.text_offset)
      }

const generateAsk = (ask: CompletionAsk): GenerateAsk => {
  const { prompt = '', max_tokens, temperature, top_p, top_k, seed, stop, logprobs } = ask
  const given = <T>(value: T | null | undefined, name: string): object =>
    value === null || value === undefined ? {} : { [name]: value }
  return {
    prompt: typeof prompt === 'string' ? prompt : isTokens(prompt) ? prompt : (prompt[0] ?? ''),
    tokensMax: max_tokens ?? COMPLETION_TOKENS,
    temperature: temperature ?? 1,
    topP: top_p ?? 1,
    seed: seed === null || seed === undefined ? randomBytes(8).toString('hex') : String(seed),
    stop: stop === null || stop === undefined ? [] : typeof stop === 'string' ? [stop] : stop,
    ...given(top_k, 'topK'),
    ...given(ask.repetition_penalty, 'repetitionPenalty'),
    ...given(ask.frequency_penalty, 'frequencyPenalty'),
    ...given(ask.presence_penalty, 'presencePenalty'),
    ...given(logprobs, 'alternatives')
  }
}

const isTokens = (prompt: readonly (string | number)[]): prompt is readonly number[] =>
  typeof prompt[0] === 'number'

const askedModel = (view: PeerView): AskedModel => {
  const model = view.model()
  if (model !== null) return model
  throw refuse('INFERENCE_PAUSED', 'the peer is still starting', { 'retry-after': String(RETRY_SECONDS) })
}

const modelName = (view: PeerView, asked: string | undefined): string => {
  const { network } = view.status()
  if (asked === undefined || asked === network) return network
  throw refuse('INFERENCE_MODEL', `this peer has the model "${network}", not "${asked.slice(0, 64)}"`)
}

/** What the model refuses, as a problem with a status. */
const asProblem = (error: unknown): never => {
  if (!(error instanceof MeshError)) throw error
  const retry = (seconds: unknown) => ({ 'retry-after': String(seconds) })
  switch (error.code) {
    case 'INFERENCE_BUSY':
      throw refuse(error.code, error.message, retry(error.data.retrySeconds))
    case 'INFERENCE_PAUSED':
      throw refuse(error.code, error.message, retry(RETRY_SECONDS))
    case 'INFERENCE_KIND':
    case 'INFERENCE_PROMPT':
    case 'INFERENCE_LEFT':
      throw refuse(
        error.code,
        error.remedy === undefined ? error.message : `${error.message} (${error.remedy})`
      )
    default:
      throw error
  }
}

/** Waits until the client has taken what was sent before. */
const send = async (response: ServerResponse, body: object): Promise<void> => {
  if (response.write(`data: ${JSON.stringify(body)}\n\n`) || response.destroyed) return
  const timer = setTimeout(() => response.destroy(), DRAIN_MS_MAX)
  await new Promise<void>(resolve => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
  clearTimeout(timer)
}
