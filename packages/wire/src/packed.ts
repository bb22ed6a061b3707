/**
 * Lists that stay packed: one byte array for all items, and an item made when somebody looks at it. Messages hold
 * digests, signatures and small records by the hundred; a byte array of 32 takes 248 bytes in V8 and a view of one 104,
 * so a list of objects weighs six to ten times what it was decoded from, a packed one about as much.
 */
import { DIGEST_BYTES } from './binary.ts'
import type { Digest } from './types.ts'

/** What the lists of a message offer: whoever makes a message gives arrays, whoever decodes one has them packed. */
export interface List<T> extends Iterable<T> {
  readonly length: number
  /** Undefined past either end. */
  at(index: number): T | undefined
  map<U>(of: (item: T, index: number) => U): U[]
  filter(holds: (item: T, index: number) => boolean): T[]
  find(holds: (item: T, index: number) => boolean): T | undefined
  reduce<U>(add: (sum: U, item: T) => U, start: U): U
  some(holds: (item: T, index: number) => boolean): boolean
  every(holds: (item: T, index: number) => boolean): boolean
}

/** Every look makes the item anew: two are equal, never the same. */
export class Packed<T> implements List<T> {
  /** The items' bytes, one after the other. */
  readonly bytes: Uint8Array
  readonly length: number
  /** The bytes of each, or where each ends. */
  readonly #size: number | Uint32Array
  readonly #unpack: (bytes: Uint8Array) => T

  /** `bytes` is kept, not copied. */
  constructor(bytes: Uint8Array, size: number | Uint32Array, unpack: (bytes: Uint8Array) => T) {
    this.bytes = bytes
    this.length = typeof size === 'number' ? bytes.length / size : size.length
    this.#size = size
    this.#unpack = unpack
  }

  /** The bytes of one item: a view. */
  part(index: number): Uint8Array {
    const size = this.#size
    return typeof size === 'number'
      ? this.bytes.subarray(index * size, (index + 1) * size)
      : this.bytes.subarray(size[index - 1] ?? 0, size[index])
  }

  at(index: number): T | undefined {
    const i = index < 0 ? index + this.length : index
    return i >= 0 && i < this.length ? this.#unpack(this.part(i)) : undefined
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (let i = 0; i < this.length; i++) yield this.#unpack(this.part(i))
  }

  map<U>(of: (item: T, index: number) => U): U[] {
    return Array.from(this, of)
  }

  filter(holds: (item: T, index: number) => boolean): T[] {
    return [...this].filter(holds)
  }

  find(holds: (item: T, index: number) => boolean): T | undefined {
    let i = 0
    for (const item of this) if (holds(item, i++)) return item
    return undefined
  }

  reduce<U>(add: (sum: U, item: T) => U, start: U): U {
    let sum = start
    for (const item of this) sum = add(sum, item)
    return sum
  }

  some(holds: (item: T, index: number) => boolean): boolean {
    let i = 0
    for (const item of this) if (holds(item, i++)) return true
    return false
  }

  every(holds: (item: T, index: number) => boolean): boolean {
    return !this.some((item, i) => !holds(item, i))
  }
}

const itself = (bytes: Uint8Array): Uint8Array => bytes

/** Digests one after the other in one byte array; what a look gives is a view of it. */
export class DigestList extends Packed<Digest> {
  /** `bytes` is kept, not copied; its length is a multiple of 32. */
  constructor(bytes: Uint8Array) {
    super(bytes, DIGEST_BYTES, itself)
  }

  static from(digests: readonly Digest[]): DigestList {
    const bytes = new Uint8Array(digests.length * DIGEST_BYTES)
    digests.forEach((digest, i) => void bytes.set(digest, i * DIGEST_BYTES))
    return new DigestList(bytes)
  }
}
