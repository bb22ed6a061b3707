/** RFC 9457 problem documents: how every error of the HTTP interface is told. */
import { array, type Infer, integer, named, nullable, object, optional, text } from './schema.ts'

export const PROBLEM_MEDIA = 'application/problem+json'

export const problem = named(
  'Problem',
  object({
    type: text({ description: 'urn:gradmesh:problem:CODE' }),
    title: text({ description: 'the kind of problem, the same every time' }),
    status: integer({ minimum: 400, maximum: 599 }),
    detail: text({ description: 'this occurrence' }),
    code: text({ description: 'as listed in docs/ERRORS.md' }),
    remedy: optional(text({ description: 'what to do about it' })),
    errors: optional(array(object({ name: text(), detail: text() }), { maxItems: 8 }))
  })
)
export type Problem = Infer<typeof problem>

interface ProblemKind {
  readonly status: number
  readonly title: string
  readonly remedy?: string
}

/** Every code that the server can answer with; the meaning stands in the README. */
export const problemKinds = {
  HTTP_ROUTE_UNKNOWN: { status: 404, title: 'No such route', remedy: 'GET /openapi.json lists every route' },
  HTTP_METHOD: {
    status: 405,
    title: 'Method not allowed',
    remedy: 'use a method that the Allow header names'
  },
  HTTP_PARAMETER: {
    status: 400,
    title: 'Parameter not valid',
    remedy: 'GET /openapi.json says what is valid'
  },
  HTTP_REQUEST_MALFORMED: { status: 400, title: 'Not an HTTP request that can be read' },
  HTTP_BODY_MALFORMED: {
    status: 400,
    title: 'Body not valid',
    remedy: 'send a JSON object with content-type: application/json; to what is read, send no body'
  },
  HTTP_BODY_TOO_LARGE: { status: 413, title: 'Body too large', remedy: 'send less at a time' },
  HTTP_REQUEST_SLOW: { status: 408, title: 'Request too slow' },
  HTTP_URL_TOO_LONG: { status: 414, title: 'URL too long' },
  HTTP_HEADERS_TOO_LARGE: { status: 431, title: 'Headers too large' },
  HTTP_HOST: {
    status: 421,
    title: 'Host not served',
    remedy: 'use the address that the peer printed, for example http://127.0.0.1:4180'
  },
  HTTP_CROSS_SITE: {
    status: 403,
    title: 'Asked by another web page',
    remedy: "open the peer's own page, or ask from outside a browser"
  },
  HTTP_TOKEN: {
    status: 401,
    title: 'Token needed',
    remedy:
      'send "Authorization: Bearer TOKEN" (`gradmesh`: --http-token-file FILE); the token is in the file http-token of the peer\'s data folder'
  },
  HTTP_BUSY: { status: 503, title: 'Too many requests at once', remedy: 'try again in a second' },
  HTTP_EVENTS_FULL: { status: 503, title: 'Too many event streams', remedy: 'close one, then try again' },
  HTTP_UNHEALTHY: {
    status: 503,
    title: 'No final progress',
    remedy: 'GET /v1/status shows the phase and the last error'
  },
  HTTP_INTERNAL: { status: 500, title: 'Internal error', remedy: "the peer's log says more" },
  BLOCK_UNKNOWN: {
    status: 404,
    title: 'No such final block',
    remedy: 'GET /v1/status shows the newest height'
  },
  TRANSACTION_REFUSED: {
    status: 422,
    title: 'Transaction refused',
    remedy: 'GET /v1/stakes shows what the key has, and its next nonce'
  },
  TRANSACTION_EARLY: {
    status: 503,
    title: 'No transactions yet',
    remedy: 'the peer is still starting: try again in a few seconds'
  },
  INFERENCE_KIND: {
    status: 404,
    title: "The model can't do that",
    remedy: 'GET /v1/models says what it can'
  },
  INFERENCE_MODEL: {
    status: 404,
    title: 'No such model',
    remedy: 'GET /v1/models lists the one that is here'
  },
  INFERENCE_PROMPT: { status: 400, title: 'Prompt not valid', remedy: 'give fewer tokens, or text' },
  INFERENCE_BUSY: { status: 429, title: 'Too many wait already', remedy: 'try again after `Retry-After`' },
  INFERENCE_PAUSED: {
    status: 503,
    title: "The model can't be asked now",
    remedy: 'try again after `Retry-After`; GET /v1/status says how the peer is doing'
  },
  INFERENCE_LEFT: { status: 499, title: 'Nobody waits for the answer' },
  TICKET_EARLY: {
    status: 503,
    title: 'No ticket yet',
    remedy: 'the peer is still starting: try again in a few seconds'
  },
  DELTA_UNKNOWN: {
    status: 404,
    title: 'No such delta',
    remedy: 'GET /v1/blocks/:height lists the deltas of a block'
  }
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problemKinds

export const makeProblem = (
  code: ProblemCode,
  detail: string,
  errors?: readonly { readonly name: string; readonly detail: string }[]
): Problem => {
  const kind: ProblemKind = problemKinds[code]
  return {
    type: `urn:gradmesh:problem:${code}`,
    title: kind.title,
    status: kind.status,
    detail,
    code,
    ...(kind.remedy === undefined ? {} : { remedy: kind.remedy }),
    ...(errors === undefined ? {} : { errors: errors.slice(0, 8) })
  }
}

// ---------------------------------------------------------------- as OpenAI's clients read errors

export const openAiError = named(
  'OpenAiError',
  object({
    error: object({
      message: text({ description: 'what is wrong, and what to do about it' }),
      type: text(),
      param: nullable(text({ description: 'the field that is wrong' })),
      code: text({ description: 'as listed in docs/ERRORS.md' })
    })
  })
)
export type OpenAiError = Infer<typeof openAiError>

const typeOf = (status: number): string => {
  if (status === 401) return 'authentication_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

export const asOpenAiError = ({ status, code, detail, remedy, errors }: Problem): OpenAiError => ({
  error: {
    message: remedy === undefined ? `${detail}.` : `${detail}. What to do: ${remedy}.`,
    type: typeOf(status),
    param: errors?.[0]?.name ?? null,
    code
  }
})
