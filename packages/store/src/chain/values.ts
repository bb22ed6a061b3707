/** Values of `chain/` that are not messages of the mesh, as bytes. Numbers big-endian, as in keys. */
import { concatBytes, DIGEST_BYTES, equalBytes, type Fault, u64, u64At } from '@gradmesh/core'
import { type Digest, DigestList, type PublicKey } from '@gradmesh/wire'
import { corrupt } from '../failures.ts'
import { beU32, NUMBER_BYTES, numberAt } from '../keys.ts'

export interface Head {
  readonly height: number
  readonly id: Digest
}

/** Why a delta counted, for its author to read. The shape of `ledger`. */
export interface Receipt {
  readonly digest: Digest
  readonly trainer: number
  readonly key: PublicKey
  readonly round: number
  readonly height: number
  readonly steps: number
  /** Share of the round's total weight, unit 2^-16. */
  readonly weightQ16: number
  readonly reward: bigint
}

export interface Checkpoint {
  readonly height: number
  /** The ledger's accounts in their canonical encoding. */
  readonly accounts: Uint8Array
  readonly leaves: DigestList
}

/** What was not sent yet, unit 2^-32, as it stood when `round` was sealed or judged. */
export interface ErrorFeedback {
  readonly round: number
  readonly buffer: Int32Array
  /** The own delta whose verdict the buffer still waits for. */
  readonly pendingDelta: Digest | null
}

/** What is left of an error buffer whose file is damaged. */
export interface LostError extends Pick<ErrorFeedback, 'round' | 'pendingDelta'> {
  readonly damage: string
}

/** Of an error buffer, where it lies in the file `error-0` or `error-1`. */
export interface ErrorHead extends Pick<ErrorFeedback, 'round' | 'pendingDelta'> {
  readonly entries: number
  readonly file: 0 | 1
  /** Over the digests of its pieces of 1 MiB. */
  readonly digest: Digest
}

/** Where a held delta belongs; `height` is null until a final block names it. */
export interface DeltaPlace {
  readonly round: number
  readonly height: number | null
}

const NO_HEIGHT = 0xffff_ffff

/** height u32 · id 32 */
export const encodeHead = ({ height, id }: Head): Uint8Array => concatBytes(beU32(height), id)

export const decodeHead = (bytes: Uint8Array): Head => ({
  height: numberAt(bytes, 0),
  id: bytes.slice(NUMBER_BYTES)
})

/** trainer · round · height · steps · weight, u32 each · key 32 · reward u64; the digest is in the key. */
export const encodeReceipt = ({
  trainer,
  round,
  height,
  steps,
  weightQ16,
  key,
  reward
}: Receipt): Uint8Array =>
  concatBytes(beU32(trainer), beU32(round), beU32(height), beU32(steps), beU32(weightQ16), key, u64(reward))

export const decodeReceipt = (digest: Digest, bytes: Uint8Array): Receipt => ({
  digest,
  trainer: numberAt(bytes, 0),
  round: numberAt(bytes, 4),
  height: numberAt(bytes, 8),
  steps: numberAt(bytes, 12),
  weightQ16: numberAt(bytes, 16),
  key: bytes.slice(20, 52),
  reward: u64At(bytes, 52)
})

/** leaf count u32 · leaf digests · accounts */
export const encodeCheckpoint = ({ accounts, leaves }: Checkpoint): Uint8Array =>
  concatBytes(beU32(leaves.length), leaves.bytes, accounts)

export const decodeCheckpoint = (height: number, bytes: Uint8Array): Checkpoint => {
  const accountsAt = NUMBER_BYTES + numberAt(bytes, 0) * DIGEST_BYTES
  const leaves = new DigestList(bytes.slice(NUMBER_BYTES, accountsAt))
  return { height, leaves, accounts: bytes.slice(accountsAt) }
}

/** round u32 · entries u32 · pending delta 32, zeros for none · file u8 · digest 32 */
export const encodeErrorHead = ({ round, entries, pendingDelta, file, digest }: ErrorHead): Uint8Array =>
  concatBytes(
    beU32(round),
    beU32(entries),
    pendingDelta ?? new Uint8Array(DIGEST_BYTES),
    Uint8Array.of(file),
    digest
  )

export const decodeErrorHead = (bytes: Uint8Array): ErrorHead => {
  const pending = bytes.slice(8, 40)
  const isNone = equalBytes(pending, new Uint8Array(DIGEST_BYTES))
  return {
    round: numberAt(bytes, 0),
    entries: numberAt(bytes, 4),
    pendingDelta: isNone ? null : pending,
    file: bytes[40] === 0 ? 0 : 1,
    digest: bytes.slice(41)
  }
}

/** round u32 · height u32, all ones for none */
export const encodePlace = ({ round, height }: DeltaPlace): Uint8Array =>
  concatBytes(beU32(round), beU32(height ?? NO_HEIGHT))

export const decodePlace = (bytes: Uint8Array): DeltaPlace => {
  const height = numberAt(bytes, NUMBER_BYTES)
  return { round: numberAt(bytes, 0), height: height === NO_HEIGHT ? null : height }
}

/** A message of the mesh that was encoded here: a fault means damage. @throws MeshError `STORE_CORRUPT` */
export const readAs = <T>(value: T | Fault, what: string, height: number | null): T => {
  if (typeof value === 'object' && value !== null && 'fault' in value) {
    throw corrupt(what, `it does not decode (${value.fault})`, height)
  }
  return value as T
}
