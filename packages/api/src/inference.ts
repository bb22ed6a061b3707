/**
 * Asking the model, as OpenAI's HTTP interface has it, so that programs written for that one work here: completions,
 * embeddings, models. What this mesh adds stands under `gradmesh`: the state that the answer is from.
 */
import {
  anyOf,
  array,
  boolean,
  hex32,
  type Infer,
  integer,
  literal,
  named,
  nullable,
  number,
  object,
  oneOf,
  optional,
  text
} from './schema.ts'

/** Tokens of a text when the request does not say; OpenAI's. */
export const COMPLETION_TOKENS = 16
const TOKENS_MAX = 32_768
const STOPS_MAX = 4
const EMBEDDING_TEXTS_MAX = 64

export const finalState = named(
  'FinalState',
  object(
    {
      chainId: hex32({ description: 'digest of the genesis' }),
      root: hex32({
        description: 'state root of the weights; block `height` + 1 carries it as `parentStateRoot`'
      }),
      height: integer({ description: 'newest final block when the answer began' }),
      round: integer({ description: 'so many rounds had closed' })
    },
    { description: 'the state that an answer is from: whoever holds the ledger has the same weights' }
  )
)
export type FinalState = Infer<typeof finalState>

const tokens = array(integer({ maximum: 0xffff_ffff }), { maxItems: TOKENS_MAX })
const modelName = optional(text({ description: 'as GET /v1/models lists it; may be left out' }))

export const completionAsk = {
  model: modelName,
  prompt: optional(anyOf(text(), array(text(), { maxItems: 1 }), tokens)),
  max_tokens: optional(nullable(integer({ minimum: 1, maximum: TOKENS_MAX, default: COMPLETION_TOKENS }))),
  temperature: optional(nullable(number({ minimum: 0, maximum: 10 }))),
  top_p: optional(nullable(number({ minimum: 0, maximum: 1 }))),
  top_k: optional(nullable(integer({ minimum: 1, maximum: TOKENS_MAX, description: 'not of OpenAI' }))),
  repetition_penalty: optional(nullable(number({ minimum: 0.1, maximum: 10, description: 'not of OpenAI' }))),
  frequency_penalty: optional(nullable(number({ minimum: -2, maximum: 2 }))),
  presence_penalty: optional(nullable(number({ minimum: -2, maximum: 2 }))),
  seed: optional(nullable(integer())),
  stop: optional(nullable(anyOf(text(), array(text(), { maxItems: STOPS_MAX })))),
  stream: optional(nullable(boolean())),
  stream_options: optional(nullable(object({ include_usage: optional(boolean()) }))),
  logprobs: optional(nullable(integer({ maximum: 5 }))),
  echo: optional(nullable(boolean())),
  n: optional(nullable(integer({ minimum: 1, maximum: 1, description: 'one text a request' }))),
  best_of: optional(nullable(integer({ minimum: 1, maximum: 1 }))),
  user: optional(text({ description: 'passed over' }))
}

const usage = named(
  'Usage',
  object({
    prompt_tokens: integer(),
    completion_tokens: integer(),
    total_tokens: integer()
  })
)

const logprobs = named(
  'Logprobs',
  object({
    tokens: array(text()),
    token_logprobs: array(number()),
    top_logprobs: array(object({}, { description: 'logarithm of the chance by text' })),
    text_offset: array(integer({ description: 'where the token begins in the text' }))
  })
)
export type Logprobs = Infer<typeof logprobs>

const FINISHES = ['stop', 'length'] as const

export const completion = named(
  'Completion',
  object({
    id: text(),
    object: literal('text_completion'),
    created: integer({ description: 'seconds since 1970' }),
    model: text(),
    system_fingerprint: text({ description: 'the state root' }),
    choices: array(
      object({
        index: integer(),
        text: text(),
        logprobs: nullable(logprobs),
        finish_reason: nullable(oneOf(...FINISHES))
      })
    ),
    usage: nullable(usage),
    gradmesh: finalState
  })
)
export type Completion = Infer<typeof completion>

export const embeddingAsk = {
  model: modelName,
  input: anyOf(text(), array(text(), { maxItems: EMBEDDING_TEXTS_MAX }), tokens),
  encoding_format: optional(oneOf('float', 'base64')),
  user: optional(text({ description: 'passed over' }))
}

export const embeddings = named(
  'Embeddings',
  object({
    object: literal('list'),
    data: array(
      object({
        object: literal('embedding'),
        index: integer(),
        embedding: anyOf(array(number()), text({ description: 'base64 of f32, little-endian' }))
      })
    ),
    model: text(),
    usage: object({ prompt_tokens: integer(), total_tokens: integer() }),
    gradmesh: finalState
  })
)
export type Embeddings = Infer<typeof embeddings>

export const models = named(
  'Models',
  object({
    object: literal('list'),
    data: array(
      object({
        id: text({ description: 'the name of the mesh' }),
        object: literal('model'),
        created: integer(),
        owned_by: text(),
        task: text(),
        can: array(oneOf('generate', 'classify', 'embed')),
        gradmesh: finalState
      })
    )
  })
)
export type Models = Infer<typeof models>
