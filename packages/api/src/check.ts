/** The meaning of a `JsonSchema`: an independent validator agrees with it in the tests. */
import { type Fields, isOptional, type JsonSchema, type Schema } from './schema.ts'

export interface Mismatch {
  /** Where, as `a.b[2]`; empty for the value itself. */
  readonly path: string
  readonly detail: string
}

interface CheckOptions {
  /** Fields that the schema does not know are wrong; off for readers, who must tolerate them. */
  readonly closed?: boolean
}

const MISMATCHES_MAX = 8

/** What is wrong with `value`, at most eight things; an empty list means that it fits. */
export const check = (schema: JsonSchema, value: unknown, options: CheckOptions = {}): readonly Mismatch[] =>
  firstOf(mismatches(schema, value, '', options.closed === true))

export const fits = <T>(schema: Schema<T>, value: unknown, options?: CheckOptions): value is T =>
  check(schema, value, options).length === 0

type Found = Generator<Mismatch, void>

const firstOf = (found: Found): readonly Mismatch[] => {
  const kept: Mismatch[] = []
  for (const wrong of found) if (kept.push(wrong) === MISMATCHES_MAX) break
  return kept
}

function* mismatches(schema: JsonSchema, value: unknown, path: string, closed: boolean): Found {
  if (schema.anyOf !== undefined) yield* nearest(schema.anyOf, value, path, closed)
  else if (schema.type !== undefined && !isOfType(schema.type, value))
    yield { path, detail: `must be ${article(schema.type)}` }
  else if (schema.const !== undefined && value !== schema.const)
    yield { path, detail: `must be ${JSON.stringify(schema.const)}` }
  else if (schema.enum !== undefined && !schema.enum.includes(value as string))
    yield { path, detail: `must be one of ${schema.enum.join(', ')}` }
  else if (typeof value === 'number') yield* inNumber(schema, value, path)
  else if (typeof value === 'string') yield* inText(schema, value, path)
  else if (Array.isArray(value)) yield* inItems(schema, value, path, closed)
  else if (schema.properties !== undefined) yield* inFields(schema, value as object, path, closed)
}

/** Of several ways to be wrong, the one that came furthest tells the reader most. */
function* nearest(schemas: readonly JsonSchema[], value: unknown, path: string, closed: boolean): Found {
  const tries = schemas.map(schema => firstOf(mismatches(schema, value, path, closed)))
  if (tries.some(found => found.length === 0)) return
  const depth = (found: readonly Mismatch[]): number => Math.min(...found.map(wrong => wrong.path.length))
  yield* tries.reduce((best, found) => (depth(found) > depth(best) ? found : best))
}

function* inNumber(schema: JsonSchema, value: number, path: string): Found {
  if (schema.minimum !== undefined && value < schema.minimum)
    yield { path, detail: `must be at least ${schema.minimum}` }
  if (schema.maximum !== undefined && value > schema.maximum)
    yield { path, detail: `must be at most ${schema.maximum}` }
}

function* inText(schema: JsonSchema, value: string, path: string): Found {
  if (schema.maxLength !== undefined && [...value].length > schema.maxLength)
    yield { path, detail: `must be at most ${schema.maxLength} characters long` }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
    yield { path, detail: `must match ${schema.pattern}` }
}

function* inItems(schema: JsonSchema, items: readonly unknown[], path: string, closed: boolean): Found {
  if (schema.maxItems !== undefined && items.length > schema.maxItems)
    yield { path, detail: `must have at most ${schema.maxItems} items` }
  else if (schema.items !== undefined)
    for (const [i, item] of items.entries()) yield* mismatches(schema.items, item, `${path}[${i}]`, closed)
}

function* inFields(schema: JsonSchema, value: object, path: string, closed: boolean): Found {
  const inner = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const properties = schema.properties ?? {}
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(value, name)) yield { path: inner(name), detail: 'is missing' }
  for (const [name, held] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) yield* mismatches(properties[name]!, held, inner(name), closed)
    else if (closed) yield { path: inner(name), detail: 'is not known' }
  }
}

const isOfType = (type: NonNullable<JsonSchema['type']>, value: unknown): boolean => {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return Number.isFinite(value)
    case 'string':
    case 'boolean':
      return typeof value === type
    default:
      return type satisfies never
  }
}

const article = (type: string): string =>
  type === 'null' ? 'null' : `${/^[aio]/.test(type) ? 'an' : 'a'} ${type}`

/** At most 16 digits and one spelling a number: no signs, no exponents, no leading zeros. */
const WHOLE = /^(0|[1-9][0-9]{0,15})$/

/**
 * Parameters arrive as text. Numbers are read where the schema wants them; then everything is
 * checked, and names that the route does not know are refused, so that a typing error is told.
 */
export const readParameters = (
  fields: Fields,
  given: Readonly<Record<string, unknown>>
): { readonly values: Readonly<Record<string, unknown>>; readonly wrong: readonly Mismatch[] } => {
  const values: Record<string, unknown> = {}
  const wrong: Mismatch[] = []
  for (const [name, field] of Object.entries(fields)) {
    const schema = isOptional(field) ? field.optional : field
    if (!Object.hasOwn(given, name)) {
      if (!isOptional(field)) wrong.push({ path: name, detail: 'is missing' })
      continue
    }
    const raw = given[name]
    const value = schema.type === 'integer' && typeof raw === 'string' && WHOLE.test(raw) ? Number(raw) : raw
    for (const { detail } of check(schema, value)) wrong.push({ path: name, detail })
    values[name] = value
  }
  for (const name of Object.keys(given))
    if (!Object.hasOwn(fields, name)) wrong.push({ path: name.slice(0, 64), detail: 'is not known' })
  return { values, wrong: wrong.slice(0, MISMATCHES_MAX) }
}
