/**
 * JSON Schema 2020-12 by small combinators: the schema is plain data that goes into the OpenAPI
 * document as it stands, and the TypeScript type follows from it. Only the keywords below are used,
 * so that `check.ts` can be the whole meaning of a schema, on both ends of the wire.
 */
export interface JsonSchema {
  /** Set on schemas that the OpenAPI document names; unique within the contract. */
  readonly title?: string
  readonly description?: string
  readonly default?: string | number | boolean
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null'
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly maxItems?: number
  readonly enum?: readonly string[]
  readonly const?: string | boolean
  readonly pattern?: string
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly JsonSchema[]
}

declare const meaning: unique symbol

/** A JSON schema of the values of type `T`; the type exists only for the compiler. */
export interface Schema<T> extends JsonSchema {
  readonly [meaning]?: T
}

export interface Optional<T> {
  readonly optional: Schema<T>
}

export type Field = Schema<unknown> | Optional<unknown>
export type Fields = Readonly<Record<string, Field>>

/** The type that a schema stands for. */
export type Infer<S> = S extends Schema<infer T> ? T : never

type OptionalKeys<F> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F]

export type ObjectOf<F> = {
  readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]>
} & { readonly [K in OptionalKeys<F>]?: F[K] extends Optional<infer T> ? T : never } extends infer O
  ? { [K in keyof O]: O[K] }
  : never

interface Words {
  readonly description?: string
}

export const isOptional = (field: Field): field is Optional<unknown> => 'optional' in field

export const optional = <T>(schema: Schema<T>): Optional<T> => ({ optional: schema })

/** Gives the schema its name in the OpenAPI document. */
export const named = <T>(title: string, schema: Schema<T>): Schema<T> => ({ title, ...schema })

export const describe = <T>(description: string, schema: Schema<T>): Schema<T> => ({ ...schema, description })

/** Readers must tolerate fields that they do not know: a newer peer may send more. */
export const object = <const F extends Fields>(fields: F, words: Words = {}): Schema<ObjectOf<F>> => ({
  type: 'object',
  ...words,
  properties: Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, isOptional(field) ? field.optional : field])
  ),
  required: Object.keys(fields).filter(name => !isOptional(fields[name]!))
})

export const array = <T>(items: Schema<T>, bounds: { maxItems?: number } = {}): Schema<readonly T[]> => ({
  type: 'array',
  items,
  ...bounds
})

export const oneOf = <const V extends readonly string[]>(...values: V): Schema<V[number]> => ({
  type: 'string',
  enum: values
})

export const literal = <const V extends string | boolean>(value: V): Schema<V> => ({
  type: typeof value === 'string' ? 'string' : 'boolean',
  const: value
})

export const anyOf = <const S extends readonly Schema<unknown>[]>(...schemas: S): Schema<Infer<S[number]>> =>
  ({ anyOf: schemas }) as Schema<Infer<S[number]>>

export const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({ anyOf: [schema, { type: 'null' }] })

export const text = (bounds: Words & { maxLength?: number; pattern?: string } = {}): Schema<string> => ({
  type: 'string',
  ...bounds
})

export const boolean = (words: Words = {}): Schema<boolean> => ({ type: 'boolean', ...words })

export const number = (bounds: Words & { minimum?: number; maximum?: number } = {}): Schema<number> => ({
  type: 'number',
  ...bounds
})

/** A whole number; from 0 to 2^53 - 1 unless the bounds say otherwise. */
export const integer = (
  bounds: Words & { minimum?: number; maximum?: number; default?: number } = {}
): Schema<number> => ({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, ...bounds })

/** 32 bytes (a digest, a public key) in lower-case hexadecimal. */
export const hex32 = (words: Words = {}): Schema<string> => text({ ...words, pattern: '^[0-9a-f]{64}$' })

/** An amount of money: a whole number in decimal, as text because it may pass 2^53. */
export const money = (words: Words = {}): Schema<string> =>
  text({ ...words, pattern: '^(0|[1-9][0-9]{0,38})$' })
