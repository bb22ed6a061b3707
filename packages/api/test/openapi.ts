import t from 'tap'
import { commonErrors, openApi, type Route, routes } from '../src/index.ts'
import { isOptional } from '../src/schema.ts'

type Json = Record<string, unknown>
interface Operation {
  readonly operationId: string
  readonly parameters: Json[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: { properties?: Json } }> }
  readonly responses: Record<string, Json>
}
const document = openApi(routes) as unknown as {
  openapi: string
  info: Json
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Json> }
}

/** Every object inside, with its place. */
function* objects(value: unknown, path = ''): Generator<[path: string, Json]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [path, value as Json]
  for (const [name, inner] of Object.entries(value)) yield* objects(inner, `${path}/${name}`)
}

t.test('is an OpenAPI 3.1 document that survives JSON', async t => {
  t.match(document.openapi, /^3\.1\.\d$/)
  t.match(document.info, { title: /./, version: /^\d+\.\d+\.\d+$/, license: { identifier: 'Apache-2.0' } })
  t.strictSame(JSON.parse(JSON.stringify(document)), document, 'no undefined, no function, nothing else')
})

t.test('lists every route, each with its parameters, its answer and its errors', async t => {
  const table: [string, Route][] = Object.entries(routes)
  t.equal(Object.keys(document.paths).length, table.length)
  for (const [name, route] of table) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    const operation = document.paths[path]?.[route.method.toLowerCase()]
    t.ok(operation, path)
    if (operation === undefined) continue
    t.equal(operation.operationId, name)
    for (const [place, fields] of [
      ['path', route.params],
      ['query', route.query]
    ] as const)
      t.strictSame(
        operation.parameters
          .filter(parameter => parameter.in === place)
          .map(({ name, required }) => [name, required]),
        Object.entries(fields).map(([name, field]) => [name, !isOptional(field)])
      )
    const sent = Object.keys(operation.requestBody?.content['application/json']?.schema.properties ?? {})
    t.strictSame(sent, Object.keys(route.body), 'and what a POST brings')
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
    t.strictSame(Object.keys(route.params), inPath, 'every parameter stands in the path')
    const told = JSON.stringify(operation.responses)
    for (const code of [...route.errors, ...commonErrors])
      t.ok(told.includes(code), `${name} tells of ${code}`)
    t.match(operation.responses[200], { content: Object })
    for (const [status, response] of Object.entries(operation.responses))
      if (status !== '200') {
        const media = route.errorForm === 'openai' ? 'application/json' : 'application/problem+json'
        t.match(response, { content: { [media]: { schema: Object } } })
      }
  }
})

t.test(
  'every reference leads somewhere, every named schema is used, and uses known keywords only',
  async t => {
    const used = new Set<string>()
    for (const [path, inner] of objects(document)) {
      if (typeof inner.$ref !== 'string') continue
      t.strictSame(Object.keys(inner), ['$ref'], path)
      const name = inner.$ref.replace('#/components/schemas/', '')
      used.add(name)
      t.ok(document.components.schemas[name], `${path}: ${inner.$ref}`)
    }
    t.strictSame([...used].sort(), Object.keys(document.components.schemas).sort())
    const keywords = new Set(
      'title description default type properties required items maxItems enum const pattern maxLength minimum maximum anyOf $ref'.split(
        ' '
      )
    )
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      t.equal(schema.title, name)
      for (const [path, inner] of objects(schema))
        if (!path.endsWith('/properties'))
          for (const key of Object.keys(inner)) t.ok(keywords.has(key), `${name}${path}: ${key}`)
    }
  }
)
