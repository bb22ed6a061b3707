/** Every error leaves as an RFC 9457 problem document, whatever noticed it: a route, fastify, or Node's parser. */
import type { Socket } from 'node:net'
import {
  asOpenAiError,
  type ErrorForm,
  makeProblem,
  PROBLEM_MEDIA,
  type Problem,
  type ProblemCode
} from '@gradmesh/api'
import type { Logger } from '@gradmesh/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { securityHeaders } from './security-headers.ts'

/** Thrown inside the server only; it never leaves it but as a document. */
export class ProblemError extends Error {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail)
    this.problem = problem
    this.headers = headers
  }
}

export const refuse = (
  code: ProblemCode,
  detail: string,
  headers?: Readonly<Record<string, string>>
): ProblemError => new ProblemError(makeProblem(code, detail), headers)

export const sendProblem = (
  reply: FastifyReply,
  { problem, headers }: ProblemError,
  form: ErrorForm = 'problem'
): FastifyReply =>
  reply
    .headers(securityHeaders)
    .headers(headers)
    .header('cache-control', 'no-store')
    .status(problem.status)
    .type(form === 'problem' ? PROBLEM_MEDIA : 'application/json')
    // As bytes: to text fastify would add a charset, which these media types do not have.
    .send(Buffer.from(JSON.stringify(form === 'problem' ? problem : asOpenAiError(problem))))

/** What fastify noticed, by its error codes. A body that was not read to its end costs the connection. */
const NOTICED: Readonly<Record<string, readonly [code: ProblemCode, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['HTTP_BODY_TOO_LARGE', 'the body is longer than any route takes'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['HTTP_BODY_MALFORMED', 'the body is empty where JSON was announced'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['HTTP_BODY_MALFORMED', 'the body is not JSON'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'HTTP_BODY_MALFORMED',
    'the body is announced as something other than JSON'
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['HTTP_BODY_MALFORMED', 'the body is not as long as announced'],
  FST_ERR_BAD_URL: ['HTTP_REQUEST_MALFORMED', 'the URL is not percent-encoded correctly'],
  FST_ERR_MAX_PARAM_LENGTH: ['HTTP_URL_TOO_LONG', 'a part of the URL is too long']
}

/** An error that nobody foresaw is logged whole and told without its inside. */
export const problemOf = (error: unknown, request: FastifyRequest, logger: Logger): ProblemError => {
  if (error instanceof ProblemError) return error
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  const noticed = typeof code === 'string' ? NOTICED[code] : undefined
  if (noticed !== undefined) return refuse(...noticed, { connection: 'close' })
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return refuse('HTTP_REQUEST_MALFORMED', 'the request cannot be read', { connection: 'close' })
  logger.error({ error, url: request.url }, 'an HTTP request failed inside')
  return refuse('HTTP_INTERNAL', 'the peer failed to answer')
}

const PARSER: Readonly<Record<string, readonly [code: ProblemCode, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['HTTP_HEADERS_TOO_LARGE', 'the headers are longer than the server takes'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    'HTTP_BODY_TOO_LARGE',
    'the chunk extensions are longer than the server takes'
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['HTTP_REQUEST_SLOW', 'the request did not arrive in time']
}

/** Requests that never became one: answered on the bare socket, then cut. */
export const answerParserError = (error: Error & { code?: string }, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [code, detail] = PARSER[error.code ?? ''] ?? ['HTTP_REQUEST_MALFORMED', 'the request is not HTTP']
  const problem = makeProblem(code, detail)
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${PROBLEM_MEDIA}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
