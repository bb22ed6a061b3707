/** docs/reference/http.md: every route of the contract, and every schema that an answer is made of. */
import { commonErrors, type Fields, type JsonSchema, openAiError, type Route, routes } from '@gradmesh/api'
import { code, MADE, page, table } from './markdown.ts'

const HEAD = `# HTTP

What a peer answers on its HTTP port, 127.0.0.1:4180 unless told otherwise. What is read by GET changes nothing; a
POST brings one JSON object. \`null\` means "not known yet", never zero; money is decimal text; keys and digests are lower-case
hexadecimal. Errors are problem documents (RFC 9457, \`application/problem+json\`) whose codes
[ERRORS.md](../ERRORS.md#api) explains. Beyond loopback every request carries \`Authorization: Bearer TOKEN\`, the
token being in the file \`http-token\` of the peer's folder. \`/openapi.json\` says the same to programs. ${MADE}`

const ANSWERS = {
  json: '`application/json`',
  either: "`application/json`, or with `stream` `text/event-stream`, each event's data being such",
  events: "`text/event-stream`, each event's data being",
  text: '`text/plain`'
} as const

export const httpPage = (): string => {
  const schemas = new Map<string, JsonSchema>()
  const all: readonly Route[] = Object.values(routes)
  const sections = all.map(route => routeSection(route, schemas))
  const overview = all.map(({ method, url, summary }) => [
    `[${code(`${method} ${url}`)}](#${anchor(`${method} ${url}`)})`,
    summary
  ])
  // Schemas name further schemas while they are written.
  const described: string[] = []
  for (const [title, schema] of schemas) described.push(schemaSection(title, schema, schemas))
  return page(
    HEAD,
    table(['route', 'answer'], overview),
    `Any route may answer with ${commonErrors.map(code).join(', ')}.`,
    ...sections,
    '# What answers are made of',
    ...described
  )
}

/** As GitHub makes them of headings. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

const routeSection = (route: Route, schemas: Map<string, JsonSchema>): string => {
  const { method, url, summary, kind, params, query, body, reply, errors, errorForm } = route
  const parameters = [
    ...parameterRows(params, 'path', schemas),
    ...parameterRows(query, 'query', schemas),
    ...parameterRows(body, 'body', schemas)
  ]
  const parts = [`## ${method} ${url}`, summary]
  if (parameters.length > 0) parts.push(table(['parameter', 'in', 'value', 'meaning'], parameters))
  parts.push(`Answer: ${ANSWERS[kind]}${kind === 'text' ? '' : ` ${typeOf(reply, schemas)}`}.`)
  if (errors.length > 0) parts.push(`Own errors: ${errors.map(code).join(', ')}.`)
  if (errorForm === 'openai')
    parts.push(`Errors are told as OpenAI's clients read them: ${typeOf(openAiError, schemas)}.`)
  return parts.join('\n\n')
}

const parameterRows = (fields: Fields, place: string, schemas: Map<string, JsonSchema>): string[][] =>
  Object.entries(fields).map(([name, field]) => {
    const schema = 'optional' in field ? field.optional : field
    const standard = schema.default === undefined ? '' : `; ${String(schema.default)} when left out`
    return [code(name), place, `${typeOf(schema, schemas)}${standard}`, schema.description ?? '']
  })

const schemaSection = (title: string, schema: JsonSchema, schemas: Map<string, JsonSchema>): string => {
  const parts = [`## ${title}`]
  if (schema.description !== undefined) parts.push(`${schema.description}.`)
  const rows = fieldRows(schema, '', schemas)
  parts.push(rows.length > 0 ? table(['field', 'value', 'meaning'], rows) : bareType(schema, schemas))
  return parts.join('\n\n')
}

/** Fields of nested objects without a name stand with their path. */
const fieldRows = (schema: JsonSchema, prefix: string, schemas: Map<string, JsonSchema>): string[][] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`
    const mark = schema.required?.includes(name) === false ? ' (may be left out)' : ''
    const inner = innerOf(field)
    return [
      [code(path), `${typeOf(field, schemas)}${mark}`, inner.description ?? field.description ?? ''],
      ...fieldRows(inner.title === undefined ? inner : {}, `${path}${isList(field) ? '[]' : ''}.`, schemas)
    ]
  })

/** Past lists and "or null": the schema that has the fields. */
const innerOf = (schema: JsonSchema): JsonSchema =>
  schema.title !== undefined
    ? schema
    : schema.items !== undefined
      ? innerOf(schema.items)
      : isNullable(schema)
        ? innerOf(schema.anyOf![0]!)
        : schema

const isList = (schema: JsonSchema): boolean =>
  schema.items !== undefined || (isNullable(schema) && isList(schema.anyOf![0]!))

const isNullable = ({ anyOf }: JsonSchema): boolean => anyOf?.length === 2 && anyOf[1]!.type === 'null'

const typeOf = (schema: JsonSchema, schemas: Map<string, JsonSchema>): string => {
  const { title } = schema
  if (title === undefined) return bareType(schema, schemas)
  if (!schemas.has(title)) schemas.set(title, schema)
  return `[${title}](#${title.toLowerCase()})`
}

const bareType = (schema: JsonSchema, schemas: Map<string, JsonSchema>): string => {
  const { type, anyOf, items, pattern, minimum = 0, maximum } = schema
  if (schema.const !== undefined) return code(JSON.stringify(schema.const))
  if (schema.enum !== undefined) return schema.enum.map(value => code(value)).join(', ')
  if (anyOf !== undefined) return anyOf.map(each => typeOf(each, schemas)).join(' or ')
  if (items !== undefined) return `list of ${typeOf(items, schemas)}`
  if (pattern?.includes('{64}')) return '32 bytes in hexadecimal'
  if (pattern?.startsWith('^(0|')) return 'decimal text'
  if (type === 'integer' && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    return `integer, ${minimum} to ${maximum}`
  return type === 'string' ? 'text' : (type ?? 'anything')
}
