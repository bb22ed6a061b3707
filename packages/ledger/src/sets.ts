/**
 * The validator sets of the running epoch and the next in their one binary form, little-endian:
 *
 *     version u8 (2) · epoch u32 · twice: leader seed 32 · seats u16, each: key 32 · stake u64 · trainer u32
 *
 * They stand first in the accounts, are hashed apart from the rest, and take at most 12 KiB: who knows the set
 * of an epoch reads that of the next from any final header of it (`setsProofOf`, `provenSets`).
 */
import { concatBytes, type Fault, fault, sha256, u32, u64 } from '@gradmesh/core'
import { BOUNDS, type Digest, type Genesis, Packed, type PublicKey } from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import { Reader } from './reader.ts'
import type { PackedSet, PackedSets, Sets, ValidatorSeat, ValidatorSet } from './types.ts'

const VERSION = 2
const SEAT_BYTES = 44

export const encodeSets = ({ epoch, running, next }: PackedSets): Uint8Array =>
  concatBytes(Uint8Array.of(VERSION), u32(epoch), encodeSet(running), encodeSet(next))

const encodeSet = ({ leaderSeed, seats }: PackedSet): Uint8Array =>
  concatBytes(
    leaderSeed,
    u32(seats.length).subarray(0, 2),
    ...seats.map(({ key, stake, trainer }) => concatBytes(key, u64(stake), u32(trainer)))
  )

/** Undefined for what is not in this form; whether it ends there is for the caller to look at. */
export const readSets = (reader: Reader): PackedSets | undefined => {
  if (reader.u8() !== VERSION) return undefined
  const epoch = reader.u32()
  const running = readSet(reader)
  const next = running && readSet(reader)
  return running === undefined || next === undefined ? undefined : { epoch, running, next }
}

const readSet = (reader: Reader): PackedSet | undefined => {
  const leaderSeed = reader.bytes(32)
  const count = reader.u16()
  if (count === 0 || count > BOUNDS.validatorsMax || reader.left < count * SEAT_BYTES) return undefined
  return { leaderSeed, seats: new Packed(reader.bytes(count * SEAT_BYTES), SEAT_BYTES, readSeat) }
}

const readSeat = (bytes: Uint8Array): ValidatorSeat => {
  const reader = new Reader(bytes)
  return { key: reader.bytes(32), stake: reader.u64(), trainer: reader.u32() }
}

export const unpackSets = ({ epoch, running, next }: PackedSets): Sets => ({
  epoch,
  running: { ...running, seats: [...running.seats] },
  next: { ...next, seats: [...next.seats] }
})

/** Fault: LEDGER_SETS. */
export const decodeSets = (bytes: Uint8Array): Sets | Fault<LedgerFault> => {
  const reader = new Reader(bytes)
  const sets = readSets(reader)
  return sets === undefined || reader.isOverrun || reader.left !== 0 ? fault('LEDGER_SETS') : unpackSets(sets)
}

export const stakeOf = ({ seats }: ValidatorSet): bigint => seats.reduce((sum, { stake }) => sum + stake, 0n)

export const keysOf = ({ seats }: ValidatorSet): PublicKey[] => seats.map(({ key }) => key)

/** Of the genesis: epochs 0 and 1 run on the validators that it names. */
export const genesisSets = ({ seed, validators }: Pick<Genesis, 'seed' | 'validators'>): Sets => {
  const seats = validators.map(({ key, stake }, trainer) => ({ key, stake, trainer }))
  const set = { leaderSeed: seed, seats }
  return { epoch: 0, running: set, next: set }
}

/** The digest of the sets, which the state root covers beside the digest of the registry. */
export const setsDigest = (sets: PackedSets): Digest => sha256(encodeSets(sets))
