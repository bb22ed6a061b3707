import type { ProblemCode } from './problem.ts'
import type { Fields, ObjectOf, Schema } from './schema.ts'

/** `json`: one reply. `events`: a stream of replies, server-sent. `text`: not for the typed client to read. */
export type RouteKind = 'json' | 'events' | 'text'

/** One row of the table: what may be asked, and what comes back. */
export interface Route<
  P extends Fields = Fields,
  Q extends Fields = Fields,
  R = unknown,
  K extends RouteKind = RouteKind
> {
  readonly method: 'GET'
  /** Parameters stand as `:name`. */
  readonly url: string
  readonly summary: string
  readonly kind: K
  readonly params: P
  readonly query: Q
  readonly reply: Schema<R>
  /** Besides those that any route may answer with. */
  readonly errors: readonly ProblemCode[]
}

interface RouteInit<P extends Fields, Q extends Fields, R, K extends RouteKind> {
  readonly url: string
  readonly summary: string
  readonly kind: K
  readonly params?: P
  readonly query?: Q
  readonly reply: Schema<R>
  readonly errors?: readonly ProblemCode[]
}

// biome-ignore lint/complexity/noBannedTypes: an object without fields is what a route without parameters takes
type None = {}

export const route = <
  R,
  const K extends RouteKind,
  const P extends Fields = None,
  const Q extends Fields = None
>(
  init: RouteInit<P, Q, R, K>
): Route<P, Q, R, K> => ({
  method: 'GET',
  params: {} as P,
  query: {} as Q,
  errors: [],
  ...init
})

export type ReplyOf<T> = T extends Route<infer _P, infer _Q, infer R, infer _K> ? R : never

/** Parameters and query of a route in one object, as the client's caller and the handler see them. */
export type InputOf<T> = T extends Route<infer P, infer Q, infer _R, infer _K> ? ObjectOf<P & Q> : never
