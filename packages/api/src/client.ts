/** The typed client: one method a row of the table. Replies are checked, so that what it returns can be trusted. */
import { MeshError } from '@gradmesh/core'
import { check, fits } from './check.ts'
import { readEventStream } from './event-stream.ts'
import { openAiError, problem } from './problem.ts'
import type { InputOf, ReplyOf, Route } from './route.ts'
import { type Routes, routes } from './routes.ts'

export interface ClientOptions {
  readonly fetch?: typeof fetch
  /** For a whole reply; an event stream has no limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Sent as a bearer token with every request. */
  readonly token?: string
}

type JsonNames = { [N in keyof Routes]: Routes[N]['kind'] extends 'json' ? N : never }[keyof Routes]
type Ask<I, R> = Record<never, never> extends I ? (input?: I) => Promise<R> : (input: I) => Promise<R>

export interface EventsInput {
  readonly replay?: 'all' | 'none'
  readonly lastEventId?: string
  readonly signal?: AbortSignal
}

/** `id` is what `lastEventId` resumes after. */
export interface IdentifiedEvent {
  readonly id: string
  readonly event: ReplyOf<Routes['events']>
}

/**
 * Methods throw a `MeshError`: the peer's own code when it answered with a problem document, else
 * API_UNREACHABLE, API_TIMEOUT or API_REPLY.
 */
export type Client = { readonly [N in JsonNames]: Ask<InputOf<Routes[N]>, ReplyOf<Routes[N]>> } & {
  /** Prometheus text. */
  readonly metrics: () => Promise<string>
  /** Until the peer ends the stream, or the signal aborts it (which ends it quietly). */
  readonly events: (input?: EventsInput) => AsyncGenerator<IdentifiedEvent>
}

const TIMEOUT_MS = 10_000
const REPLY_BYTES_MAX = 16 << 20

/**
 * @example
 * const client = createClient('http://127.0.0.1:4180')
 * const { height } = await client.status()
 * const { blocks } = await client.blocks({ from: height, limit: 5 })
 */
export const createClient = (baseUrl: string, options: ClientOptions = {}): Client => {
  const connection = new Connection(baseUrl, options)
  const asks = Object.entries<Route>(routes)
    .filter(([, route]) => route.kind === 'json')
    .map(([name, route]) => [name, (input: Values = {}) => connection.ask(route, input)])
  return {
    ...(Object.fromEntries(asks) as { [N in JsonNames]: Ask<InputOf<Routes[N]>, ReplyOf<Routes[N]>> }),
    metrics: () => connection.text(routes.metrics),
    events: input => connection.events(input)
  }
}

type Values = Readonly<Record<string, unknown>>

class Connection {
  readonly #baseUrl: string
  readonly #options: ClientOptions

  constructor(baseUrl: string, options: ClientOptions) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '')
    this.#options = options
  }

  async ask(route: Route, input: Values): Promise<unknown> {
    const isOfBody = (name: string): boolean => Object.hasOwn(route.body, name)
    const url = this.#url(
      route,
      pick(input, name => !isOfBody(name))
    )
    const sent = route.method === 'GET' ? {} : bodyOf(pick(input, isOfBody))
    const body = await this.#body(url, sent)
    return this.#checked(route, url, parse(body), body)
  }

  async text(route: Route): Promise<string> {
    return this.#body(this.#url(route, {}))
  }

  async *events({ lastEventId, signal, ...query }: EventsInput = {}): AsyncGenerator<IdentifiedEvent> {
    const url = this.#url(routes.events, query)
    const signals = [signal, this.#options.signal].filter(given => given !== undefined)
    const aborted = AbortSignal.any(signals)
    try {
      const response = await this.#fetch(url, {
        signal: aborted,
        headers: {
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId })
        }
      })
      if (!response.ok || response.body === null)
        throw this.#failure(response, url, await readText(response, url))
      for await (const { id, data } of readEventStream(response.body)) {
        const event = this.#checked(routes.events, url, parse(data), data)
        yield { id, event: event as ReplyOf<Routes['events']> }
      }
    } catch (cause) {
      if (aborted.aborted) return
      throw cause instanceof MeshError ? cause : unreachable(url, cause)
    }
  }

  #url(route: Route, input: Values): string {
    const query = new URLSearchParams()
    let path = route.url
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) continue
      if (Object.hasOwn(route.params, name))
        path = path.replace(`:${name}`, encodeURIComponent(String(value)))
      else query.set(name, String(value))
    }
    return `${this.#baseUrl}${path}${query.size === 0 ? '' : `?${query}`}`
  }

  async #body(url: string, init: RequestInit = {}): Promise<string> {
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS)
    const { signal } = this.#options
    try {
      const response = await this.#fetch(url, {
        ...init,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal])
      })
      const body = await readText(response, url)
      if (!response.ok) throw this.#failure(response, url, body)
      return body
    } catch (cause) {
      if (cause instanceof MeshError) throw cause
      if (timeout.aborted)
        throw new MeshError('API_TIMEOUT', `no answer from ${url} in time`, {
          remedy: 'the peer is overloaded or hangs: look at its log',
          cause,
          data: { url }
        })
      throw unreachable(url, cause)
    }
  }

  #fetch(url: string, init: RequestInit): Promise<Response> {
    const { token } = this.#options
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    return (this.#options.fetch ?? fetch)(url, { redirect: 'error', ...init, headers })
  }

  #checked(route: Route, url: string, value: unknown, body: string): unknown {
    const [wrong] = check(route.reply, value)
    if (wrong === undefined) return value
    throw new MeshError('API_REPLY', `the answer of ${url} is not as agreed: ${wrong.path} ${wrong.detail}`, {
      remedy: 'check that the address is that of a gradmesh peer, and that both are of the same version',
      data: { url, begin: body.slice(0, 200) }
    })
  }

  #failure(response: Response, url: string, body: string): MeshError {
    const told = parse(body)
    if (fits(openAiError, told)) {
      const { code, message } = told.error
      return new MeshError(code, message, { data: { url, status: response.status } })
    }
    if (check(problem, told).length > 0)
      return new MeshError('API_REPLY', `${url} answered ${response.status} without saying why`, {
        remedy: 'check that the address is that of a gradmesh peer',
        data: { url, status: response.status, begin: body.slice(0, 200) }
      })
    const { code, detail, remedy, status } = told as {
      code: string
      detail: string
      remedy?: string
      status: number
    }
    return new MeshError(code, detail, { ...(remedy === undefined ? {} : { remedy }), data: { url, status } })
  }
}

const pick = (input: Values, wanted: (name: string) => boolean): Values =>
  Object.fromEntries(Object.entries(input).filter(([name]) => wanted(name)))

const bodyOf = (fields: Values): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(fields)
})

const unreachable = (url: string, cause: unknown): MeshError =>
  new MeshError('API_UNREACHABLE', `no peer answers at ${url}`, {
    remedy: 'start one with `gradmesh up`, or give its address',
    cause,
    data: { url }
  })

const parse = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const readText = async (response: Response, url: string): Promise<string> => {
  const decoder = new TextDecoder()
  let body = ''
  for await (const bytes of response.body ?? []) {
    body += decoder.decode(bytes, { stream: true })
    if (body.length > REPLY_BYTES_MAX)
      throw new MeshError('API_REPLY', `the answer of ${url} has no end`, {
        remedy: 'check that the address is that of a gradmesh peer',
        data: { url }
      })
  }
  return body + decoder.decode()
}
