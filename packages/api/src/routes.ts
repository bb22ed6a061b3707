/** The table. Server, typed client and OpenAPI document all follow from it. */
import { completion, completionAsk, embeddingAsk, embeddings, models } from './inference.ts'
import type { ProblemCode } from './problem.ts'
import { block, blocks } from './replies/blocks.ts'
import { streamEvent } from './replies/events.ts'
import { peers } from './replies/peers.ts'
import { ticket } from './replies/reachability.ts'
import { receipt } from './replies/receipt.ts'
import { stakes, submitted } from './replies/stakes.ts'
import { health, status } from './replies/status.ts'
import { route } from './route.ts'
import { hex32, integer, object, oneOf, optional, text } from './schema.ts'

/** Of this contract; `/v1` in the addresses is its first part. */
export const API_VERSION = '1.0.0'

export const BLOCKS_PAGE = 20
export const BLOCKS_PAGE_MAX = 100

/** What any route may answer with. */
export const commonErrors = [
  'HTTP_PARAMETER',
  'HTTP_TOKEN',
  'HTTP_CROSS_SITE',
  'HTTP_HOST',
  'HTTP_BUSY',
  'HTTP_INTERNAL'
] as const satisfies readonly ProblemCode[]

const ASKING = [
  'INFERENCE_KIND',
  'INFERENCE_MODEL',
  'INFERENCE_PROMPT',
  'INFERENCE_BUSY',
  'INFERENCE_PAUSED',
  'HTTP_BODY_MALFORMED',
  'HTTP_BODY_TOO_LARGE'
] as const satisfies readonly ProblemCode[]

export const routes = {
  status: route({
    kind: 'json',
    url: '/v1/status',
    summary: 'How this peer is doing.',
    reply: status
  }),
  peers: route({
    kind: 'json',
    url: '/v1/peers',
    summary: 'The connections of this peer.',
    query: { state: optional(oneOf('active', 'graylisted')) },
    reply: peers
  }),
  blocks: route({
    kind: 'json',
    url: '/v1/blocks',
    summary: 'Final blocks, newest first.',
    query: {
      from: optional(integer({ description: 'the highest height to list; the head when left out' })),
      limit: optional(integer({ minimum: 1, maximum: BLOCKS_PAGE_MAX, default: BLOCKS_PAGE }))
    },
    reply: blocks
  }),
  block: route({
    kind: 'json',
    url: '/v1/blocks/:height',
    summary: 'One final block.',
    params: { height: integer() },
    reply: block,
    errors: ['BLOCK_UNKNOWN']
  }),
  stakes: route({
    kind: 'json',
    url: '/v1/stakes',
    summary: 'Validators and trainers with their stakes, balances and records.',
    reply: stakes
  }),
  delta: route({
    kind: 'json',
    url: '/v1/deltas/:digest',
    summary: 'The receipt of a delta: accepted or not, its weight, its reward, and why.',
    params: { digest: hex32() },
    reply: receipt,
    errors: ['DELTA_UNKNOWN']
  }),
  submit: route({
    kind: 'json',
    method: 'POST',
    url: '/v1/transactions',
    summary: 'Takes a transaction that its key has signed, and spreads it in the mesh.',
    body: {
      transaction: text({ pattern: '^([0-9a-f]{2}){1,1024}$', description: 'its bytes, in hexadecimal' })
    },
    reply: submitted,
    errors: ['TRANSACTION_REFUSED', 'TRANSACTION_EARLY', 'HTTP_BODY_MALFORMED']
  }),
  ticket: route({
    kind: 'json',
    url: '/v1/ticket',
    summary: 'What another machine needs to join this mesh through this peer.',
    reply: ticket,
    errors: ['TICKET_EARLY']
  }),
  events: route({
    kind: 'events',
    url: '/v1/events',
    summary:
      'What happens, as it happens (server-sent events). `Last-Event-ID` resumes; `replay=all` begins with everything that is still remembered.',
    query: { replay: optional(oneOf('all', 'none')) },
    reply: streamEvent,
    errors: ['HTTP_EVENTS_FULL']
  }),
  models: route({
    kind: 'json',
    url: '/v1/models',
    summary: 'What this peer can be asked: the model of the newest final weights.',
    reply: models,
    errors: ['INFERENCE_PAUSED'],
    errorForm: 'openai'
  }),
  completions: route({
    kind: 'either',
    method: 'POST',
    url: '/v1/completions',
    summary:
      "Goes on with a text, as OpenAI's completions do. `stream`: the parts as they come (server-sent events, `[DONE]` at the end).",
    body: completionAsk,
    reply: completion,
    errors: ASKING,
    errorForm: 'openai'
  }),
  embeddings: route({
    kind: 'json',
    method: 'POST',
    url: '/v1/embeddings',
    summary: "Vectors of texts, as OpenAI's embeddings: the mean of the last layer, of length 1.",
    body: embeddingAsk,
    reply: embeddings,
    errors: ASKING,
    errorForm: 'openai'
  }),
  metrics: route({
    kind: 'text',
    url: '/metrics',
    summary: 'Prometheus metrics.',
    reply: text()
  }),
  health: route({
    kind: 'json',
    url: '/healthz',
    summary: '200 while blocks become final or the run has finished; else 503 with the reason.',
    reply: health,
    errors: ['HTTP_UNHEALTHY']
  }),
  openApi: route({
    kind: 'json',
    url: '/openapi.json',
    summary: 'This document.',
    reply: object({ openapi: text(), info: object({ title: text(), version: text() }) })
  })
} as const

export type Routes = typeof routes
