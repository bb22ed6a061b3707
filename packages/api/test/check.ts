import fc from 'fast-check'
import t from 'tap'
import { check, fits, readParameters } from '../src/index.ts'
import {
  anyOf,
  array,
  boolean,
  hex32,
  integer,
  literal,
  money,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Schema,
  text
} from '../src/schema.ts'

const details = (...args: Parameters<typeof check>): string[] =>
  check(...args).map(w => `${w.path} ${w.detail}`)

t.test('each kind takes its own and nothing else', async t => {
  const hex = 'a'.repeat(64)
  const kinds: readonly { schema: Schema<unknown>; good: unknown[]; bad: unknown[] }[] = [
    { schema: integer(), good: [0, 1, 2 ** 53 - 1], bad: [-1, 1.5, 2 ** 53, '1', null, Number.NaN, [1], {}] },
    { schema: integer({ minimum: 1, maximum: 3 }), good: [1, 3], bad: [0, 4] },
    { schema: number(), good: [0, -1.5, 1e300], bad: ['1', null, Number.NaN, Number.POSITIVE_INFINITY] },
    { schema: boolean(), good: [true, false], bad: [0, 'true', null] },
    { schema: text({ maxLength: 2 }), good: ['', 'ab', '😀😀'], bad: ['abc', 1, null] },
    { schema: hex32(), good: [hex], bad: [hex.toUpperCase(), hex.slice(1), `${hex}a`, `${hex}\n`, ''] },
    { schema: money(), good: ['0', '10', '9'.repeat(39)], bad: ['', '00', '-1', '1.0', '9'.repeat(40), 1] },
    { schema: oneOf('a', 'b'), good: ['a', 'b'], bad: ['c', '', null] },
    { schema: literal('x'), good: ['x'], bad: ['y'] },
    { schema: literal(true), good: [true], bad: [false, 1] },
    { schema: nullable(integer()), good: [null, 4], bad: ['4', undefined] },
    {
      schema: array(integer(), { maxItems: 2 }),
      good: [[], [1, 2]],
      bad: [[1, 2, 3], ['1'], { length: 0 }, null]
    },
    {
      schema: object({ a: integer() }),
      good: [{ a: 1 }, { a: 1, more: 2 }],
      bad: [{}, { a: '1' }, [], null]
    },
    { schema: object({ a: optional(integer()) }), good: [{}, { a: 1 }], bad: [{ a: null }] }
  ]
  for (const { schema, good, bad } of kinds) {
    for (const value of good)
      t.ok(fits(schema, value), `${JSON.stringify(schema)} takes ${JSON.stringify(value)}`)
    for (const value of bad)
      t.notOk(fits(schema, value), `${JSON.stringify(schema)} refuses ${JSON.stringify(value)}`)
  }
})

t.test('says where and what', async t => {
  const schema = object({ list: array(object({ n: integer({ maximum: 9 }) })), kind: oneOf('a', 'b') })
  t.strictSame(details(schema, { list: [{ n: 1 }, { n: 10 }, {}], kind: 'c' }), [
    'list[1].n must be at most 9',
    'list[2].n is missing',
    'kind must be one of a, b'
  ])
  t.strictSame(details(schema, { list: [], kind: 'a', mine: 1 }), [])
  t.strictSame(details(schema, { list: [], kind: 'a', mine: 1 }, { closed: true }), ['mine is not known'])
  t.strictSame(details(schema, 7), [' must be an object'])
})

t.test('of several alternatives, tells about the one that came nearest', async t => {
  const schema = anyOf(
    object({ type: literal('a'), value: object({ n: integer() }) }),
    object({ type: literal('b'), n: integer() })
  )
  t.strictSame(details(schema, { type: 'a', value: { n: 'x' } }), ['value.n must be an integer'])
})

t.test('names of Object.prototype are names like any other', async t => {
  const schema = object({ toString: optional(integer()) })
  t.ok(fits(schema, {}))
  t.strictSame(details(object({ constructor: integer() }), {}), ['constructor is missing'])
  t.strictSame(details(object({}), JSON.parse('{"__proto__": 1}'), { closed: true }), [
    '__proto__ is not known'
  ])
})

t.test('any value at all gets an answer, and a short one', async t => {
  const schema = object({
    a: array(anyOf(integer(), object({ b: nullable(hex32()) }))),
    c: optional(money())
  })
  fc.assert(fc.property(fc.anything(), value => check(schema, value, { closed: true }).length <= 8))
  t.equal(check(array(integer()), Array(100).fill('x')).length, 8)
})

t.test('parameters: numbers are read from text, one spelling each; unknown names are refused', async t => {
  const fields = { height: integer({ maximum: 100 }), kind: optional(oneOf('a', 'b')) }
  t.strictSame(readParameters(fields, { height: '7', kind: 'a' }), {
    values: { height: 7, kind: 'a' },
    wrong: []
  })
  t.strictSame(readParameters(fields, { height: '0' }), { values: { height: 0 }, wrong: [] })
  for (const height of [
    '',
    ' 7',
    '+7',
    '-0',
    '07',
    '7.0',
    '1e1',
    '0x7',
    '٧',
    '101',
    '99999999999999999',
    ['7'],
    undefined
  ])
    t.equal(readParameters(fields, { height }).wrong.length, 1, String(height))
  t.strictSame(readParameters(fields, {}).wrong, [{ path: 'height', detail: 'is missing' }])
  t.strictSame(readParameters(fields, { height: '7', hight: '8' }).wrong, [
    { path: 'hight', detail: 'is not known' }
  ])
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`.repeat(100), '1']))
  t.equal(readParameters({}, many).wrong.length, 8)
  t.ok(readParameters({}, many).wrong.every(({ path }) => path.length <= 64))
})
