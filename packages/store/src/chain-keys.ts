/** The keys of a chain's values: a letter, then numbers big-endian and digests, so that they lie in order. Table: README. */
import type { Digest } from '@gradmesh/wire'
import { allOf, keyOf } from './keys.ts'
import type { Database } from './types.ts'

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
export const errorKey = (round: number, piece: number): Uint8Array => keyOf('e', round, piece)
export const metaKey = (name: string): Uint8Array => keyOf('m', new TextEncoder().encode(name))

/** The letters of the keys of each kind that grows; `other`: the rest, the newest few megabytes in the log too. */
const DISK_KINDS = {
  blocks: 'bfh',
  deltas: 'diq',
  receipts: 'r',
  checkpoints: 'k',
  errorBuffer: 'e'
} as const
export type DiskKind = keyof typeof DISK_KINDS | 'other'

/** About how many bytes of the disk each kind takes. */
export const sizesOf = async (database: Database): Promise<Readonly<Record<DiskKind, number>>> => {
  const sizes = { blocks: 0, deltas: 0, receipts: 0, checkpoints: 0, errorBuffer: 0, other: 0 }
  let counted = 0
  for (const [kind, letters] of Object.entries(DISK_KINDS) as [keyof typeof DISK_KINDS, string][]) {
    for (const letter of letters) sizes[kind] += await database.sizeOf(allOf(letter))
    counted += sizes[kind]
  }
  for (const name of await database.files.names()) {
    const bytes = (await database.files.size(name)) ?? 0
    sizes.checkpoints += bytes
    counted += bytes
  }
  sizes.other = Math.max(0, (await database.sizeOf()) - counted)
  return sizes
}
