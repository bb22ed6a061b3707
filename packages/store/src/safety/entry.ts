/** What `safety/` promises, one entry a promise: as values, as bytes, and as the keys that it sets. */
import { concatBytes, fromHex, toHex } from '@gradmesh/core'
import type { Operation } from '../database.ts'
import { beU32, keyOf, numberAt } from '../keys.ts'
import { put } from '../sealed.ts'

/** What was promised in one slot; ids are lower-case hexadecimal. The shape of `consensus`. */
export interface SlotFacts {
  readonly slot: number
  readonly notar: string | null
  readonly skip: boolean
  readonly final: string | null
}

export type Entry =
  | { readonly type: 'init'; readonly key: Uint8Array }
  | { readonly type: 'vote'; readonly facts: SlotFacts; readonly kind: number; readonly bytes: Uint8Array }
  | { readonly type: 'block'; readonly slot: number; readonly id: Uint8Array }
  | { readonly type: 'final'; readonly height: number; readonly id: Uint8Array }
  | { readonly type: 'seal'; readonly round: number; readonly digest: Uint8Array }

const TYPES = ['init', 'vote', 'block', 'final', 'seal'] as const
const ID_BYTES = 32
const FACTS_BYTES = 1 + 2 * ID_BYTES
const SKIP = 1
const NOTAR = 2
const FINAL = 4

/** flags u8 (skip 1, notar 2, final 4) · notar 32 · final 32, zeros where absent. */
export const encodeFacts = ({ notar, skip, final }: SlotFacts): Uint8Array => {
  const bytes = new Uint8Array(FACTS_BYTES)
  bytes[0] = (skip ? SKIP : 0) | (notar === null ? 0 : NOTAR) | (final === null ? 0 : FINAL)
  if (notar !== null) bytes.set(fromHex(notar)!, 1)
  if (final !== null) bytes.set(fromHex(final)!, 1 + ID_BYTES)
  return bytes
}

export const decodeFacts = (slot: number, bytes: Uint8Array): SlotFacts => ({
  slot,
  skip: (bytes[0]! & SKIP) !== 0,
  notar: bytes[0]! & NOTAR ? toHex(bytes.subarray(1, 1 + ID_BYTES)) : null,
  final: bytes[0]! & FINAL ? toHex(bytes.subarray(1 + ID_BYTES, FACTS_BYTES)) : null
})

/** type u8 · number u32 (slot, height, round) · the rest, whose length the record around it says. */
export const encodeEntry = (entry: Entry): Uint8Array => {
  const head = (number: number): Uint8Array =>
    concatBytes(Uint8Array.of(TYPES.indexOf(entry.type)), beU32(number))
  switch (entry.type) {
    case 'init':
      return concatBytes(head(0), entry.key)
    case 'vote':
      return concatBytes(
        head(entry.facts.slot),
        encodeFacts(entry.facts),
        Uint8Array.of(entry.kind),
        entry.bytes
      )
    case 'block':
      return concatBytes(head(entry.slot), entry.id)
    case 'final':
      return concatBytes(head(entry.height), entry.id)
    case 'seal':
      return concatBytes(head(entry.round), entry.digest)
  }
}

/** The bytes come from a sealed record, so they are an entry of this version or of a later one. */
export const decodeEntry = (bytes: Uint8Array): Entry | undefined => {
  const type = TYPES[bytes[0]!]
  const number = numberAt(bytes, 1)
  const rest = bytes.slice(5)
  switch (type) {
    case 'init':
      return { type, key: rest }
    case 'vote': {
      const facts = decodeFacts(number, rest)
      return { type, facts, kind: rest[FACTS_BYTES]!, bytes: rest.subarray(FACTS_BYTES + 1) }
    }
    case 'block':
      return { type, slot: number, id: rest }
    case 'final':
      return { type, height: number, id: rest }
    case 'seal':
      return { type, round: number, digest: rest }
    case undefined:
      return undefined
  }
}

export const KEY = keyOf('k')
export const SEQUENCE = keyOf('q')
export const HIGH_WATER = keyOf('h')
export const FINAL_HEAD = keyOf('f')
export const BOUNDS = keyOf('p')
export const factsKey = (slot: number): Uint8Array => keyOf('s', slot)
export const voteKey = (slot: number, kind: number): Uint8Array => keyOf('v', slot, Uint8Array.of(kind))
export const blockKey = (slot: number): Uint8Array => keyOf('o', slot)
export const sealKey = (round: number): Uint8Array => keyOf('d', round)

/** `bytes`: of a block or a delta; absent when the promise is brought forward after a crash. */
export const operationsOf = (
  entry: Entry,
  highWater: number,
  bytes: Uint8Array = new Uint8Array(0)
): Operation[] => {
  switch (entry.type) {
    case 'init':
      return [put(KEY, entry.key)]
    case 'vote': {
      const { slot } = entry.facts
      return [
        put(factsKey(slot), encodeFacts(entry.facts)),
        put(voteKey(slot, entry.kind), entry.bytes),
        put(HIGH_WATER, beU32(Math.max(slot, highWater)))
      ]
    }
    case 'block':
      return [put(blockKey(entry.slot), concatBytes(entry.id, bytes))]
    case 'final':
      return [put(FINAL_HEAD, concatBytes(beU32(entry.height), entry.id))]
    case 'seal':
      return [put(sealKey(entry.round), concatBytes(entry.digest, bytes))]
  }
}
