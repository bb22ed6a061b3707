/**
 * The combinators that say what a dag-cbor message looks like. A `Shape` reads a plain value (what
 * dag-cbor decodes to) into a message or refuses it with the path of what is wrong, and writes a message
 * as a plain value. Reading is strict: no unknown field, no missing field, no float, everything bounded.
 */
import { type Fault, isFault, utf8 } from '@gradmesh/core'
import { U64_MAX } from './bounds.ts'
import { Refusal, refuse, type WireFault } from './faults.ts'

export interface Shape<T> {
  readonly read: (value: unknown, path: string) => T | Refusal
  readonly write: (value: T) => unknown
}

type Plain = Readonly<Record<string, unknown>>

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Names from outside are quoted and cut before they enter a message for people. */
const quoted = (text: string): string => JSON.stringify(text.slice(0, 32))

const same = <T>(value: T): unknown => value

/** An integer in min..max, within the safe integers. */
export const integer = (min: number, max: number): Shape<number> => ({
  read: (value, path) => {
    if (typeof value !== 'number' && typeof value !== 'bigint')
      return refuse('WIRE_SHAPE', `${path}: an integer wanted`)
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      return refuse('WIRE_RANGE', `${path}: ${min}..${max} wanted`)
    }
    return value as number
  },
  write: same
})

/** Money and stake: always a bigint once read, though dag-cbor gives small ones as numbers. */
export const money: Shape<bigint> = {
  read: (value, path) => {
    const integral = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
    if (!integral) return refuse('WIRE_SHAPE', `${path}: an integer wanted`)
    const amount = BigInt(value)
    return amount >= 0n && amount <= U64_MAX ? amount : refuse('WIRE_RANGE', `${path}: a u64 wanted`)
  },
  write: same
}

export const truth: Shape<boolean> = {
  read: (value, path) =>
    typeof value === 'boolean' ? value : refuse('WIRE_SHAPE', `${path}: true or false wanted`),
  write: same
}

export const literal = <const T extends string>(...allowed: readonly T[]): Shape<T> => ({
  read: (value, path) =>
    allowed.includes(value as T)
      ? (value as T)
      : refuse('WIRE_SHAPE', `${path}: one of ${allowed.join(', ')} wanted`),
  write: same
})

/**
 * Control characters and the marks that turn the direction of writing could make a terminal or a page
 * show something else than what was signed. A fixed list: Unicode's own classes grow with each version.
 */
const isHidden = (code: number): boolean =>
  code < 0x20 ||
  (code >= 0x7f && code < 0xa0) ||
  code === 0x061c ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2060 && code <= 0x206f) ||
  code === 0xfeff

export const isPrintable = (text: string): boolean =>
  text.isWellFormed() && ![...text].some(character => isHidden(character.codePointAt(0)!))

/** Printable text of at most `bytesMax` bytes of UTF-8. */
export const text = (bytesMax: number): Shape<string> => ({
  read: (value, path) => {
    if (typeof value !== 'string') return refuse('WIRE_SHAPE', `${path}: a text wanted`)
    if (value.length > bytesMax || utf8(value).length > bytesMax) {
      return refuse('WIRE_BOUNDS', `${path}: more than ${bytesMax} bytes`)
    }
    return isPrintable(value) ? value : refuse('WIRE_RANGE', `${path}: characters that do not show`)
  },
  write: same
})

export const bytes = (min: number, max: number = min): Shape<Uint8Array> => ({
  read: (value, path) => {
    if (!(value instanceof Uint8Array)) return refuse('WIRE_SHAPE', `${path}: bytes wanted`)
    return value.length >= min && value.length <= max
      ? value
      : refuse(
          'WIRE_BOUNDS',
          `${path}: ${value.length} bytes, ${min === max ? min : `${min}..${max}`} wanted`
        )
  },
  write: same
})

export const nullable = <T>(shape: Shape<T>): Shape<T | null> => ({
  read: (value, path) => (value === null ? null : shape.read(value, path)),
  write: value => (value === null ? null : shape.write(value))
})

export const list = <T>(item: Shape<T>, max: number): Shape<readonly T[]> => ({
  read: (value, path) => {
    if (!Array.isArray(value)) return refuse('WIRE_SHAPE', `${path}: a list wanted`)
    if (value.length > max) return refuse('WIRE_BOUNDS', `${path}: ${value.length} items, at most ${max}`)
    // Of that length at once: an array that grows holds up to half as much again, and a short one 17 places.
    const items = new Array<T>(value.length)
    for (let i = 0; i < value.length; i++) {
      const read = item.read(value[i], `${path}[${i}]`)
      if (read instanceof Refusal) return read
      items[i] = read
    }
    return items
  },
  write: items => items.map(item.write)
})

type Fields<T> = { readonly [K in keyof T]-?: Shape<T[K]> }

/**
 * Makes plain objects that take no more room than the fields they get: V8 gives `{}` places for four, and a list beside
 * it for others, but an object of a constructor gets as many as the first ones of it were seen to use.
 */
const tightly = (): (() => object) => {
  function Message() {}
  Message.prototype = Object.prototype
  const Tight = Message as unknown as new () => object
  return () => new Tight()
}

/** A map with exactly these fields. */
export const record = <T extends object>(fields: Fields<T>): Shape<T> => {
  const names = Object.keys(fields) as (keyof T & string)[]
  const make = tightly()
  return {
    read: (value, path) => {
      if (!isPlain(value)) return refuse('WIRE_SHAPE', `${path}: a map wanted`)
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(fields, name))
          return refuse('WIRE_SHAPE', `${path}: unknown field ${quoted(name)}`)
      }
      const result = make() as Partial<T>
      for (const name of names) {
        if (!Object.hasOwn(value, name)) return refuse('WIRE_SHAPE', `${path}: no field ${name}`)
        const read = fields[name].read(value[name], `${path}.${name}`)
        if (read instanceof Refusal) return read
        result[name] = read
      }
      return result as T
    },
    write: value => Object.fromEntries(names.map(name => [name, fields[name].write(value[name])]))
  }
}

/** That map, and one field more or not. */
export const extended = <T extends object, N extends keyof T & string>(
  base: Shape<Omit<T, N>>,
  name: N,
  shape: Shape<NonNullable<T[N]>>
): Shape<T> => ({
  read: (value, path) => {
    if (!isPlain(value) || !Object.hasOwn(value, name)) return base.read(value, path) as T | Refusal
    const { [name]: more, ...rest } = value
    const read = base.read(rest, path)
    if (read instanceof Refusal) return read
    const extra = shape.read(more, `${path}.${name}`)
    return extra instanceof Refusal ? extra : ({ ...read, [name]: extra } as T)
  },
  write: value => {
    const more = value[name] as NonNullable<T[N]> | undefined
    return { ...(base.write(value) as Plain), ...(more === undefined ? {} : { [name]: shape.write(more) }) }
  }
})

/** The same fields in the order given, as a list without names: for what comes by the thousand. */
export const tuple = <T extends object>(fields: Fields<T>): Shape<T> => {
  const names = Object.keys(fields) as (keyof T & string)[]
  const named = record<T>(fields)
  return {
    read: (value, path) =>
      Array.isArray(value) && value.length === names.length
        ? named.read(Object.fromEntries(names.map((name, i) => [name, value[i]])), path)
        : refuse('WIRE_SHAPE', `${path}: a list of ${names.join(', ')} wanted`),
    write: value => names.map(name => fields[name].write(value[name]))
  }
}

/** One of several records, told apart by the text in the field `tag`. */
export const variants = <Tag extends string, T extends { readonly [K in Tag]: string }>(
  tag: Tag,
  cases: { readonly [V in T[Tag]]: Shape<Extract<T, { readonly [K in Tag]: V }>> }
): Shape<T> => {
  const shapes: Readonly<Record<string, Shape<T>>> = cases as never
  return {
    read: (value, path) => {
      if (!isPlain(value)) return refuse('WIRE_SHAPE', `${path}: a map wanted`)
      const which = Object.hasOwn(value, tag) ? value[tag] : undefined
      return typeof which === 'string' && Object.hasOwn(shapes, which)
        ? shapes[which]!.read(value, path)
        : refuse('WIRE_SHAPE', `${path}.${tag}: one of ${Object.keys(shapes).join(', ')} wanted`)
    },
    write: value => shapes[value[tag]]!.write(value)
  }
}

const OPTION_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** A small open map from names to integers and texts. */
export const options = (
  max: number,
  textBytesMax: number
): Shape<Readonly<Record<string, number | string>>> => {
  const words = text(textBytesMax)
  const whole = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  return {
    read: (value, path) => {
      if (!isPlain(value)) return refuse('WIRE_SHAPE', `${path}: a map wanted`)
      const entries = Object.entries(value)
      if (entries.length > max)
        return refuse('WIRE_BOUNDS', `${path}: ${entries.length} entries, at most ${max}`)
      const result: [string, number | string][] = []
      for (const [name, entry] of entries) {
        if (!OPTION_NAME.test(name))
          return refuse('WIRE_SHAPE', `${path}: no option can be named ${quoted(name)}`)
        const read = (typeof entry === 'string' ? words : whole).read(entry, `${path}.${name}`)
        if (read instanceof Refusal) return read
        result.push([name, read])
      }
      return Object.fromEntries(result)
    },
    write: value => ({ ...value })
  }
}

/** Another message inside this one, as a byte string that its own codec reads. */
export const embedded = <T extends object>(
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T | Fault<WireFault>
): Shape<T> => ({
  read: (value, path) => {
    if (!(value instanceof Uint8Array)) return refuse('WIRE_SHAPE', `${path}: bytes wanted`)
    const inner = decode(value)
    return isFault(inner) ? refuse(inner.fault, `${path}: ${inner.detail}`) : (inner as T)
  },
  write: encode
})
