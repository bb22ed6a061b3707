/**
 * Strict, canonical dag-cbor. Four gates: size, a walk over the heads that bounds depth and items
 * before anything is built, the shape, and re-encoding, which must give the same bytes.
 */
import { assert, equalBytes, type Fault } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import { plainBytes } from './binary.ts'
import { asFault, Refusal, refuse, refuseProtocol, type WireFault } from './faults.ts'
import { Packed } from './packed.ts'
import type { Shape } from './shape.ts'
import { PROTOCOL_VERSION } from './types.ts'

/** The deepest message, a block with evidence about a leader, has six levels. */
const DEPTH_MAX = 8

/**
 * Walks one CBOR item without building it. A decoder's objects can weigh thirty times their bytes
 * (an empty list is one byte), so the number of items is bounded here. No floats, no tags (so no
 * links), nothing of indefinite length. What else is not canonical, re-encoding finds.
 */
export const scan = (bytes: Uint8Array, itemsMax: number): Refusal | null => {
  const short = () => refuse('WIRE_CBOR', 'the bytes end inside an item')
  /** Items still to come at each open level. */
  const open = [1]
  let at = 0
  let items = 0
  while (open.length > 0) {
    const level = open.length - 1
    if (open[level] === 0) {
      open.pop()
      continue
    }
    open[level]!--
    if (++items > itemsMax) return refuse('WIRE_BOUNDS', `more than ${itemsMax} items`)
    const head = bytes[at++]
    if (head === undefined) return short()
    const major = head >> 5
    const info = head & 31
    if (major === 6) return refuse('WIRE_CBOR', 'a tag')
    if (major === 7) {
      if (head < 0xf4 || head > 0xf6) return refuse('WIRE_CBOR', 'a float or an undefined value')
      continue
    }
    if (info > 27) return refuse('WIRE_CBOR', 'an item of indefinite length')
    let argument = info
    if (info >= 24) {
      const size = 1 << (info - 24)
      if (bytes.length - at < size) return short()
      argument = 0
      for (const end = at + size; at < end; at++) argument = argument * 256 + bytes[at]!
    }
    if (major < 2) continue
    const count = major === 5 ? 2 * argument : argument
    if (count > bytes.length - at) return short() // an item has at least a byte
    if (major < 4) {
      at += count
    } else {
      if (open.length >= DEPTH_MAX) return refuse('WIRE_BOUNDS', `more than ${DEPTH_MAX} levels`)
      open.push(count)
    }
  }
  return at === bytes.length ? null : refuse('WIRE_LENGTH', `${bytes.length - at} bytes after the end`)
}

export interface CborCodec<T> {
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T | Fault<WireFault>
}

export interface CborFormat<T> {
  readonly name: string
  readonly shape: Shape<T>
  readonly bytesMax: number
  readonly itemsMax: number
  /** Where the message names its protocol version: another version is told apart before its shape is. */
  readonly protocolAt?: readonly string[]
  /** What fields owe to each other; a message that we made ourselves passes. */
  readonly check?: (value: T) => Refusal | null
}

const protocolIn = (value: unknown, path: readonly string[]): unknown => {
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = value[name as never]
  }
  return value
}

const decodeOrRefuse = <T>(format: CborFormat<T>, bytes: Uint8Array): T | Refusal => {
  const { name, shape, bytesMax, itemsMax, protocolAt, check } = format
  if (bytes.length > bytesMax) {
    return refuse('WIRE_LENGTH', `${name}: ${bytes.length} bytes, at most ${bytesMax}`)
  }
  const scanned = scan(bytes, itemsMax)
  if (scanned !== null) return refuse(scanned.code, `${name}: ${scanned.detail}`)
  try {
    const plain: unknown = dagCbor.decode(bytes)
    if (protocolAt !== undefined) {
      const protocol = protocolIn(plain, protocolAt)
      if (Number.isSafeInteger(protocol) && protocol !== PROTOCOL_VERSION) {
        return refuseProtocol(protocol as number)
      }
    }
    const value = shape.read(plain, name)
    if (value instanceof Refusal) return value
    if (!equalBytes(dagCbor.encode(shape.write(value)), bytes)) {
      return refuse('WIRE_CANONICAL', `${name}: another encoding of the same value`)
    }
    const wrong = check?.(value) ?? null
    if (wrong !== null) return wrong
    shareBuffer(value as object)
    return value
  } catch (cause) {
    return refuse('WIRE_CBOR', `${name}: ${cause instanceof Error ? cause.message : 'not dag-cbor'}`)
  }
}

/** V8 keeps arrays of up to so many bytes beside its objects, and each with a buffer object of its own. */
const SMALL_BYTES = 64

/**
 * Puts the digests, keys and signatures of a message that was just built into one buffer: an array of 32 bytes with a
 * buffer of its own takes 248 in V8, a view of one 104. What is larger, and what is packed already, stays as it is.
 */
const shareBuffer = (message: object): void => {
  const places: { readonly holder: Record<string, unknown>; readonly name: string }[] = []
  let length = 0
  const walk = (holder: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(holder)) {
      if (value instanceof Uint8Array) {
        if (value.length > SMALL_BYTES) continue
        places.push({ holder, name })
        length += value.length
      } else if (typeof value === 'object' && value !== null && !(value instanceof Packed)) {
        walk(value as Record<string, unknown>)
      }
    }
  }
  walk(message as Record<string, unknown>)
  if (places.length < 2) return
  const shared = new Uint8Array(length)
  let at = 0
  for (const { holder, name } of places) {
    const bytes = holder[name] as Uint8Array
    shared.set(bytes, at)
    holder[name] = shared.subarray(at, at + bytes.length)
    at += bytes.length
  }
}

/** `encode` asserts that some peer could read what it wrote; `decode` answers any bytes. */
export const cborCodec = <T>(format: CborFormat<T>): CborCodec<T> => ({
  encode: value => {
    const plain = format.shape.write(value)
    const read = format.shape.read(plain, format.name)
    assert(!(read instanceof Refusal), `a message that can be read: ${(read as Refusal).detail}`)
    const bytes = dagCbor.encode(plain)
    assert(
      bytes.length <= format.bytesMax,
      `${format.name} has at most ${format.bytesMax} bytes: ${bytes.length}`
    )
    return bytes
  },
  decode: input => {
    const value = decodeOrRefuse(format, plainBytes(input))
    return value instanceof Refusal ? asFault(value) : value
  }
})
