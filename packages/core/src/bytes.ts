/** Small operations on byte arrays. Everything is little-endian where order matters. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Node's own is three times faster; ids are made of digests for every message. */
const NodeBuffer = globalThis.Buffer as typeof Buffer | undefined

/** Few bytes are copied before they become text: V8 keeps them in its heap, and a view moves them out of it. */
const few = NodeBuffer?.alloc(256)

const textOf = (bytes: Uint8Array, encoding: 'hex' | 'latin1'): string => {
  if (few === undefined || bytes.length > few.length)
    return NodeBuffer!.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding)
  few.set(bytes)
  return few.toString(encoding, 0, bytes.length)
}

export const toHex = (bytes: Uint8Array): string =>
  NodeBuffer === undefined ? toHexPortable(bytes) : textOf(bytes, 'hex')

/** One code unit a byte, on Node alone: a key for maps that sorts as the bytes do. */
export const toLatin1 = (bytes: Uint8Array): string => textOf(bytes, 'latin1')

/** The same without Node: what a browser runs. */
const toHexPortable = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** The bytes behind lower-case hexadecimal text, or `undefined` when the text is anything else. */
export const fromHex = (text: string): Uint8Array | undefined => {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = digitOf(text.charCodeAt(2 * i))
    const low = digitOf(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) return undefined
    bytes[i] = 16 * high + low
  }
  return bytes
}

/** What a lower-case hexadecimal digit stands for, or -1. */
const digitOf = (code: number): number =>
  code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1

export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && compareBytes(a, b) === 0

/** Lexicographic order by unsigned byte; a prefix comes first. */
export const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const encoder = new TextEncoder()

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

export const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  putU32(bytes, 0, value)
  return bytes
}

export const u64 = (value: bigint | number): Uint8Array => {
  const bytes = new Uint8Array(8)
  putU64(bytes, 0, value)
  return bytes
}

// Numbers in the midst of bytes. A `DataView` of few bytes costs ten times as much: it moves them out of V8's heap.

export const putU16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export const putU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export const putU64 = (bytes: Uint8Array, at: number, value: bigint | number): void => {
  eightView.setBigUint64(0, BigInt(value), true)
  for (let i = 0; i < 8; i++) bytes[at + i] = eight[i]!
}

export const u16At = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

export const u32At = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

export const u64At = (bytes: Uint8Array, at: number): bigint => {
  for (let i = 0; i < 8; i++) eight[i] = bytes[at + i]!
  return eightView.getBigUint64(0, true)
}

const eight = new Uint8Array(8)
const eightView = new DataView(eight.buffer)
