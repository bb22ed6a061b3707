/** `check` of @gradmesh/api against fastify's own validator (Ajv), on replies and on what mutation makes of them. */
import { check, type JsonSchema, type Route, routes } from '@gradmesh/api'
import fc from 'fast-check'
import { fastify } from 'fastify'
import t from 'tap'
import { FakeView, hex, roundEvent } from './fixtures/fake-view.ts'

const view = new FakeView()
const samples: readonly (readonly [name: keyof typeof routes, reply: unknown])[] = [
  ['status', view.status()],
  ['peers', view.peers()],
  ['blocks', view.blocks(null, 2)],
  ['block', view.block(3)],
  ['stakes', await view.stakes()],
  ['ticket', view.ticket()],
  ['delta', view.delta(hex('9'))],
  ['health', view.healthy()],
  ['events', roundEvent(3)],
  ['events', { type: 'status', status: view.status() }],
  ['events', { type: 'gap' }]
]

const STRANGE: readonly unknown[] = [null, true, 0, -1, 1.5, 2 ** 53, '', 'x', '00', hex('A'), [], [7], {}]

/** The value with one place in it changed to something strange, or removed. */
const mutate = (value: unknown, path: readonly number[], strange: unknown): unknown => {
  if (typeof value !== 'object' || value === null || path.length === 0) return strange
  const names = Object.keys(value)
  const name = names[(path[0] ?? 0) % Math.max(1, names.length)]
  if (name === undefined) return strange
  const copy = structuredClone(value) as Record<string, unknown>
  if (strange === undefined && path.length === 1 && !Array.isArray(copy)) delete copy[name]
  else copy[name] = mutate(copy[name], path.slice(1), strange)
  return copy
}

t.test('both find the same values right and wrong', async t => {
  const app = fastify({
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }
  })
  let validate: ((schema: JsonSchema, value: unknown) => boolean) | undefined
  app.get('/', async request => {
    const compiled = new Map<JsonSchema, (value: unknown) => boolean>()
    validate = (schema, value) => {
      const check =
        compiled.get(schema) ?? (request.compileValidationSchema(schema) as (value: unknown) => boolean)
      compiled.set(schema, check)
      return check(value)
    }
    return ''
  })
  await app.inject('/')
  t.teardown(() => app.close())
  t.ok(validate)
  let wrong = 0
  for (const [name, reply] of samples) {
    const { reply: schema } = routes[name] as Route
    t.strictSame(check(schema, reply, { closed: true }), [], name)
    fc.assert(
      fc.property(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(undefined, ...STRANGE),
        (path, strange) => {
          const value = mutate(reply, path, strange)
          const isRight = check(schema, value).length === 0
          if (!isRight) wrong += 1
          return isRight === validate?.(schema, value)
        }
      ),
      { numRuns: 200 }
    )
  }
  t.ok(wrong > 500, `${wrong} wrong replies were refused`)
})
