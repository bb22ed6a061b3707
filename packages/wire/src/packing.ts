/**
 * How lists are read into packed ones. A `Packing` is a byte form of an item's plain value, never sent: any form will do
 * that gives the same plain value back.
 */
import { assert, concatBytes, putU16, putU32, u16At, u32At } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import { Refusal, refuse } from './faults.ts'
import { type List, Packed } from './packed.ts'
import type { Shape } from './shape.ts'

export interface Packing {
  /** The bytes of every item, where all have as many. */
  readonly bytes?: number
  readonly pack: (plain: never) => Uint8Array
  readonly unpack: (bytes: Uint8Array) => unknown
}

/** Byte strings, such as messages inside a message. */
export const asBytes: Packing = { pack: (plain: Uint8Array) => plain, unpack: bytes => bytes }

/** Anything: for lists that are short as a rule. */
export const asCbor: Packing = { pack: (plain: unknown) => dagCbor.encode(plain), unpack: dagCbor.decode }

/** An index of 16 bits and 32 bytes. */
export const asIndexed: Packing = {
  bytes: 34,
  pack: ([index, digest]: [number, Uint8Array]) => {
    const bytes = new Uint8Array(34)
    putU16(bytes, 0, index)
    bytes.set(digest, 2)
    return bytes
  },
  unpack: bytes => [u16At(bytes, 0), bytes.subarray(2)]
}

/** Three integers of 16 bits, with a sign. */
export const asTriple: Packing = {
  bytes: 6,
  pack: (plain: number[]) => {
    const bytes = new Uint8Array(6)
    plain.forEach((value, i) => void putU16(bytes, 2 * i, value))
    return bytes
  },
  unpack: bytes => [0, 2, 4].map(at => (u16At(bytes, at) << 16) >> 16)
}

/** Bytes, and bytes or null. */
export const asCouple: Packing = {
  pack: ([first, second]: [Uint8Array, Uint8Array | null]) => {
    const bytes = new Uint8Array(5 + first.length + (second?.length ?? 0))
    putU32(bytes, 0, first.length)
    bytes[4] = second === null ? 0 : 1
    bytes.set(first, 5)
    if (second !== null) bytes.set(second, 5 + first.length)
    return bytes
  },
  unpack: bytes => {
    const end = 5 + u32At(bytes, 0)
    return [bytes.subarray(5, end), bytes[4] === 0 ? null : bytes.subarray(end)]
  }
}

const EMPTY: List<never> = Object.freeze([])

/** A list that stays packed once each of its items has been read. */
export const packed = <T>(item: Shape<T>, max: number, packing: Packing): Shape<List<T>> => {
  const { pack, unpack } = packing as Packing & { readonly pack: (plain: unknown) => Uint8Array }
  const readAgain = (bytes: Uint8Array): T => {
    const read = item.read(unpack(bytes), 'a packed item')
    assert(!(read instanceof Refusal), 'what was read once is read again')
    return read as T
  }
  return {
    read: (value, path) => {
      if (!Array.isArray(value)) return refuse('WIRE_SHAPE', `${path}: a list wanted`)
      if (value.length > max) return refuse('WIRE_BOUNDS', `${path}: ${value.length} items, at most ${max}`)
      if (value.length === 0) return EMPTY
      let end = 0
      const parts: Uint8Array[] = []
      const ends = new Uint32Array(packing.bytes === undefined ? value.length : 0)
      for (let i = 0; i < value.length; i++) {
        const read = item.read(value[i], `${path}[${i}]`)
        if (read instanceof Refusal) return read
        const part = pack(value[i])
        parts.push(part)
        end += part.length
        if (packing.bytes === undefined) ends[i] = end
      }
      return new Packed(concatBytes(...parts), packing.bytes ?? ends, readAgain)
    },
    write: list =>
      list instanceof Packed
        ? Array.from({ length: list.length }, (_, i) => unpack(list.part(i)))
        : list.map(item.write)
  }
}
