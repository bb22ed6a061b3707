/** The keys of a chain's values: a letter, then numbers big-endian and digests, so that they lie in order. Table: README. */
import type { Digest } from '@gradmesh/wire'
import { keyOf } from '../keys.ts'

export const FORMAT = keyOf('V')
export const GENESIS = keyOf('G')
export const HEAD = keyOf('H')
export const BASE = keyOf('B')
export const ERROR_HEAD = keyOf('E')
export const blockKey = (id: Digest): Uint8Array => keyOf('b', id)
export const heightKey = (height: number): Uint8Array => keyOf('h', height)
export const finalKey = (height: number): Uint8Array => keyOf('f', height)
export const liveKey = (slot: number, id: Digest): Uint8Array => keyOf('l', slot, id)
export const certificateKey = (slot: number, kind: number): Uint8Array =>
  keyOf('c', slot, Uint8Array.of(kind))
export const deltaKey = (digest: Digest): Uint8Array => keyOf('d', digest)
export const placeKey = (digest: Digest): Uint8Array => keyOf('i', digest)
export const headerKey = (round: number, digest: Digest): Uint8Array => keyOf('q', round, digest)
export const receiptKey = (digest: Digest): Uint8Array => keyOf('r', digest)
export const checkpointKey = (height: number): Uint8Array => keyOf('k', height)
export const metaKey = (name: string): Uint8Array => keyOf('m', new TextEncoder().encode(name))
