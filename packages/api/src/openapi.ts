/** The OpenAPI 3.1 document of a table of routes; its schema dialect is JSON Schema 2020-12, as ours. */
import { openAiError, PROBLEM_MEDIA, type ProblemCode, problem, problemKinds } from './problem.ts'
import type { ErrorForm, Route } from './route.ts'
import { API_VERSION, commonErrors } from './routes.ts'
import { type Fields, isOptional, type JsonSchema, object } from './schema.ts'

type Json = { readonly [key: string]: unknown }

const MEDIA = {
  json: 'application/json',
  either: 'application/json',
  events: 'text/event-stream',
  text: 'text/plain'
} as const

export const openApi = (table: Readonly<Record<string, Route>>): Json => {
  const schemas: Record<string, Json> = {}
  const paths: Record<string, Json> = {}
  for (const [operationId, route] of Object.entries(table))
    paths[pathOf(route.url)] = {
      ...paths[pathOf(route.url)],
      [route.method.toLowerCase()]: operation(operationId, route, schemas)
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'gradmesh peer',
      summary: 'What one peer of a gradmesh tells about itself and the mesh. Only POST changes anything.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      version: API_VERSION
    },
    servers: [{ url: '/' }],
    paths,
    // A peer that only its own machine can reach asks for nothing.
    security: [{}, { token: [] }],
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }
  }
}

const mediaOf = ({ kind }: Route): readonly string[] =>
  kind === 'either' ? [MEDIA.json, MEDIA.events] : [MEDIA[kind]]

const pathOf = (url: string): string => url.replace(/:([a-z]+)/gi, '{$1}')

const operation = (operationId: string, route: Route, schemas: Record<string, Json>): Json => ({
  operationId,
  summary: route.summary,
  parameters: [
    ...parameters(route.params, 'path', schemas),
    ...parameters(route.query, 'query', schemas),
    ...(route.kind === 'events' ? [LAST_EVENT_ID] : [])
  ],
  ...(route.method === 'GET'
    ? {}
    : {
        requestBody: {
          required: true,
          content: { [MEDIA.json]: { schema: reference(object(route.body), schemas) } }
        }
      }),
  responses: {
    200: {
      description: 'The answer.',
      content: Object.fromEntries(
        mediaOf(route).map(media => [media, { schema: reference(route.reply, schemas) }])
      )
    },
    ...failures([...route.errors, ...commonErrors], route.errorForm, schemas)
  }
})

const LAST_EVENT_ID: Json = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'Resume after this event.',
  schema: { type: 'string' }
}

const parameters = (fields: Fields, place: 'path' | 'query', schemas: Record<string, Json>): Json[] =>
  Object.entries(fields).map(([name, field]) => ({
    name,
    in: place,
    required: !isOptional(field),
    schema: reference(isOptional(field) ? field.optional : field, schemas)
  }))

const failures = (codes: readonly ProblemCode[], form: ErrorForm, schemas: Record<string, Json>): Json => {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const { status } = problemKinds[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map(code => `${problemKinds[code].title} (${code}).`).join(' '),
        content:
          form === 'problem'
            ? { [PROBLEM_MEDIA]: { schema: reference(problem, schemas) } }
            : { [MEDIA.json]: { schema: reference(openAiError, schemas) } }
      }
    ])
  )
}

/** Named schemas move to `components`, once; the others stand where they are used. */
const reference = (schema: JsonSchema, schemas: Record<string, Json>): Json => {
  if (schema.title === undefined) return expand(schema, schemas)
  const { title } = schema
  if (schemas[title] === undefined) {
    schemas[title] = {} // holds the place in the order of first use
    schemas[title] = expand(schema, schemas)
  }
  return { $ref: `#/components/schemas/${title}` }
}

const expand = ({ properties, items, anyOf, ...rest }: JsonSchema, schemas: Record<string, Json>): Json => ({
  ...rest,
  ...(properties === undefined
    ? {}
    : {
        properties: Object.fromEntries(
          Object.entries(properties).map(([name, inner]) => [name, reference(inner, schemas)])
        )
      }),
  ...(items === undefined ? {} : { items: reference(items, schemas) }),
  ...(anyOf === undefined ? {} : { anyOf: anyOf.map(inner => reference(inner, schemas)) })
})
