/**
 * The accounts in their one binary form, little-endian: the sets (`sets.ts`), then
 *
 *     height u32 · round u32 · cursor u64 · transcript root 32 · minted u64 · burnt u64 ·
 *     trainers u32, each: key 32 · since u32 · accepted u32 · last round + 1 u32 · nonce u32 · absent u32 ·
 *                         balance u64 · bond u64 · leaving u64 · slashed u64 ·
 *                         conviction u8, if 1: epoch u32 · stake u64 ·
 *                         unbonding u8, each: round u32 · amount u64 · vesting u8, each the same ·
 *                         label length u8 · label UTF-8
 *
 * The root hashes the two parts apart, so that a joiner can be shown the sets without the registry.
 */
import { concatBytes, type Fault, fault, u32, u64, utf8 } from '@gradmesh/core'
import { BOUNDS, Packed } from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import { Reader } from './reader.ts'
import { encodeSets, readSets, unpackSets } from './sets.ts'
import type { Accounts, Conviction, Due, PackedAccounts, TrainerAccount } from './types.ts'

const KEY_BYTES = 32
const TRAINER_BYTES_MIN = KEY_BYTES + 56
/** Rewards of the running epoch, and of those that still vest. */
const DUES_MAX = BOUNDS.unbondingEpochsMax + 1

export const encodeAccounts = (accounts: PackedAccounts): Uint8Array =>
  concatBytes(encodeSets(accounts), encodeRegistry(accounts))

/** All of the accounts but the sets. */
export const encodeRegistry = (accounts: PackedAccounts): Uint8Array =>
  concatBytes(
    u32(accounts.height),
    u32(accounts.round),
    u64(accounts.cursor),
    accounts.transcriptRoot,
    u64(accounts.minted),
    u64(accounts.burnt),
    u32(accounts.trainers.length),
    ...accounts.trainers.map(trainer => encodeTrainer(trainer))
  )

const encodeTrainer = (trainer: TrainerAccount): Uint8Array => {
  const label = utf8(trainer.label)
  const { convicted } = trainer
  return concatBytes(
    trainer.key,
    u32(trainer.since),
    u32(trainer.accepted),
    u32(trainer.lastRound + 1),
    u32(trainer.nonce),
    u32(trainer.absent),
    u64(trainer.balance),
    u64(trainer.bond),
    u64(trainer.leaving),
    u64(trainer.slashed),
    convicted === null
      ? Uint8Array.of(0)
      : concatBytes(Uint8Array.of(1), u32(convicted.epoch), u64(convicted.stake)),
    encodeDues(trainer.unbonding),
    encodeDues(trainer.vesting),
    Uint8Array.of(label.length),
    label
  )
}

const encodeDues = (dues: readonly Due[]): Uint8Array =>
  concatBytes(
    Uint8Array.of(dues.length),
    ...dues.map(({ round, amount }) => concatBytes(u32(round), u64(amount)))
  )

/** Any bytes in, no exception; what decodes re-encodes to the same bytes. Fault: LEDGER_ACCOUNTS. */
export const decodeAccounts = (bytes: Uint8Array): PackedAccounts | Fault<LedgerFault> => {
  const reader = new Reader(bytes)
  const sets = readSets(reader)
  if (sets === undefined) return fault('LEDGER_ACCOUNTS', 'sets')
  const height = reader.u32()
  const round = reader.u32()
  const cursor = reader.u64()
  const transcriptRoot = reader.bytes(32)
  const minted = reader.u64()
  const burnt = reader.u64()
  const trainerCount = reader.u32()
  if (trainerCount > BOUNDS.trainersMax || reader.left < trainerCount * TRAINER_BYTES_MIN) {
    return fault('LEDGER_ACCOUNTS', 'trainers')
  }
  const registry = new Uint8Array(bytes.subarray(bytes.length - reader.left))
  const ends = new Uint32Array(trainerCount)
  for (let i = 0; i < trainerCount; i++) {
    if (readTrainer(reader) === undefined) return fault('LEDGER_ACCOUNTS', `trainer ${i}`)
    ends[i] = registry.length - reader.left
  }
  if (reader.isOverrun || reader.left !== 0) return fault('LEDGER_ACCOUNTS', 'length')
  const trainers = new Packed(registry, ends, part => readTrainer(new Reader(part)) as TrainerAccount)
  return { ...sets, height, round, cursor, transcriptRoot, trainers, minted, burnt }
}

/** As a state goes on with them. */
export const unpackAccounts = (accounts: PackedAccounts): Accounts => ({
  ...accounts,
  ...unpackSets(accounts),
  trainers: [...accounts.trainers]
})

const readTrainer = (reader: Reader): TrainerAccount | undefined => {
  const key = reader.bytes(KEY_BYTES)
  const since = reader.u32()
  const accepted = reader.u32()
  const lastRound = reader.u32() - 1
  const nonce = reader.u32()
  const absent = reader.u32()
  const balance = reader.u64()
  const bond = reader.u64()
  const leaving = reader.u64()
  const slashed = reader.u64()
  const convicted = readConviction(reader)
  const unbonding = readDues(reader)
  const vesting = readDues(reader)
  const label = textOf(reader.bytes(reader.u8()))
  if (convicted === undefined || unbonding === undefined || vesting === undefined || label === undefined) {
    return undefined
  }
  const counts = { since, accepted, lastRound, nonce, absent }
  return { key, label, ...counts, balance, bond, leaving, unbonding, vesting, slashed, convicted }
}

const readConviction = (reader: Reader): Conviction | null | undefined => {
  const held = reader.u8()
  if (held === 0) return null
  return held === 1 ? { epoch: reader.u32(), stake: reader.u64() } : undefined
}

const readDues = (reader: Reader): Due[] | undefined => {
  const count = reader.u8()
  if (count > DUES_MAX) return undefined
  return Array.from({ length: count }, () => ({ round: reader.u32(), amount: reader.u64() }))
}

/** Everything that an account owns, free or not. */
export const moneyOf = ({ balance, bond, unbonding, vesting }: TrainerAccount): bigint =>
  balance + bond + sumOf(unbonding) + sumOf(vesting)

export const sumOf = (dues: readonly Due[]): bigint => dues.reduce((sum, { amount }) => sum + amount, 0n)

/** Whether no money came from nowhere or went there. */
export const conserved = ({ minted, burnt, trainers }: PackedAccounts): boolean => {
  let sum = burnt
  for (const trainer of trainers) sum += moneyOf(trainer)
  return sum === minted
}

const textOf = (bytes: Uint8Array): string | undefined => {
  if (bytes.length > BOUNDS.labelBytesMax) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
