import type { ProblemCode } from './problem.ts'
import type { Fields, ObjectOf, Schema } from './schema.ts'

/**
 * `json`: one reply. `events`: a stream of replies, server-sent. `text`: not for the typed client to read.
 * `either`: one reply, or with `stream` in the body its parts, server-sent; neither for the typed client.
 */
export type RouteKind = 'json' | 'events' | 'text' | 'either'

/** How a route tells what went wrong: our problem documents, or the form that OpenAI's clients read. */
export type ErrorForm = 'problem' | 'openai'

/** What is read is asked by GET; POST brings something, as one JSON object. */
export type Method = 'GET' | 'POST'

/** One row of the table: what may be asked, and what comes back. */
export interface Route<
  P extends Fields = Fields,
  Q extends Fields = Fields,
  R = unknown,
  K extends RouteKind = RouteKind,
  B extends Fields = Fields
> {
  readonly method: Method
  /** Parameters stand as `:name`. */
  readonly url: string
  readonly summary: string
  readonly kind: K
  readonly params: P
  readonly query: Q
  /** Of a POST. */
  readonly body: B
  readonly reply: Schema<R>
  /** Besides those that any route may answer with. */
  readonly errors: readonly ProblemCode[]
  readonly errorForm: ErrorForm
}

interface RouteInit<P extends Fields, Q extends Fields, R, K extends RouteKind, B extends Fields> {
  /** GET when left out. */
  readonly method?: Method
  readonly url: string
  readonly summary: string
  readonly kind: K
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly reply: Schema<R>
  readonly errors?: readonly ProblemCode[]
  /** Problem documents when left out. */
  readonly errorForm?: ErrorForm
}

// biome-ignore lint/complexity/noBannedTypes: an object without fields is what a route without parameters takes
type None = {}

export const route = <
  R,
  const K extends RouteKind,
  const P extends Fields = None,
  const Q extends Fields = None,
  const B extends Fields = None
>(
  init: RouteInit<P, Q, R, K, B>
): Route<P, Q, R, K, B> => ({
  method: 'GET',
  params: {} as P,
  query: {} as Q,
  body: {} as B,
  errors: [],
  errorForm: 'problem',
  ...init
})

export type ReplyOf<T> = T extends Route<infer _P, infer _Q, infer R, infer _K, infer _B> ? R : never

/** Parameters, query and body of a route in one object, as the client's caller and the handler see them. */
export type InputOf<T> =
  T extends Route<infer P, infer Q, infer _R, infer _K, infer B> ? ObjectOf<P & Q & B> : never
