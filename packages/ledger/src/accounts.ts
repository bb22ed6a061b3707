/**
 * The accounts in their one binary form, little-endian:
 *
 *     height u32 · round u32 · cursor u64 · transcript root 32 · minted u64 · burnt u64 ·
 *     validators u16, each: key 32 · stake u64 · slashed u64 ·
 *     trainers u32, each: key 32 · since u32 · accepted u32 · last round + 1 u32 · balance u64 ·
 *                         label length u8 · label UTF-8
 */
import { concatBytes, type Fault, fault, u32, u64, utf8 } from '@gradmesh/core'
import { BOUNDS } from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import type { Accounts, TrainerAccount, ValidatorAccount } from './types.ts'

const KEY_BYTES = 32
const VALIDATOR_BYTES = KEY_BYTES + 16
const TRAINER_BYTES_MIN = KEY_BYTES + 21

export const encodeAccounts = (accounts: Accounts): Uint8Array =>
  concatBytes(
    u32(accounts.height),
    u32(accounts.round),
    u64(accounts.cursor),
    accounts.transcriptRoot,
    u64(accounts.minted),
    u64(accounts.burnt),
    u32(accounts.validators.length).subarray(0, 2),
    ...accounts.validators.map(({ key, stake, slashed }) => concatBytes(key, u64(stake), u64(slashed))),
    u32(accounts.trainers.length),
    ...accounts.trainers.map(encodeTrainer)
  )

const encodeTrainer = (trainer: TrainerAccount): Uint8Array => {
  const label = utf8(trainer.label)
  return concatBytes(
    trainer.key,
    u32(trainer.since),
    u32(trainer.accepted),
    u32(trainer.lastRound + 1),
    u64(trainer.balance),
    Uint8Array.of(label.length),
    label
  )
}

/** Any bytes in, no exception; what decodes re-encodes to the same bytes. Fault: LEDGER_ACCOUNTS. */
export const decodeAccounts = (bytes: Uint8Array): Accounts | Fault<LedgerFault> => {
  const reader = new Reader(bytes)
  const height = reader.u32()
  const round = reader.u32()
  const cursor = reader.u64()
  const transcriptRoot = reader.bytes(32)
  const minted = reader.u64()
  const burnt = reader.u64()
  const validatorCount = reader.u16()
  if (validatorCount > BOUNDS.validatorsMax || reader.left < validatorCount * VALIDATOR_BYTES) {
    return fault('LEDGER_ACCOUNTS', 'validators')
  }
  const validators: ValidatorAccount[] = []
  for (let i = 0; i < validatorCount; i++) {
    validators.push({ key: reader.bytes(KEY_BYTES), stake: reader.u64(), slashed: reader.u64() })
  }
  const trainerCount = reader.u32()
  if (trainerCount > BOUNDS.trainersMax || reader.left < trainerCount * TRAINER_BYTES_MIN) {
    return fault('LEDGER_ACCOUNTS', 'trainers')
  }
  const trainers: TrainerAccount[] = []
  for (let i = 0; i < trainerCount; i++) {
    const key = reader.bytes(KEY_BYTES)
    const since = reader.u32()
    const accepted = reader.u32()
    const lastRound = reader.u32() - 1
    const balance = reader.u64()
    const label = textOf(reader.bytes(reader.u8()))
    if (label === undefined) return fault('LEDGER_ACCOUNTS', 'label')
    trainers.push({ key, label, since, accepted, lastRound, balance })
  }
  if (reader.isOverrun || reader.left !== 0) return fault('LEDGER_ACCOUNTS', 'length')
  return { height, round, cursor, transcriptRoot, trainers, validators, minted, burnt }
}

/** Whether no money came from nowhere or went there: minted = stakes + balances + burnt. */
export const conserved = ({ minted, burnt, validators, trainers }: Accounts): boolean => {
  let sum = burnt
  for (const { stake } of validators) sum += stake
  for (const { balance } of trainers) sum += balance
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

/** Past the end it reads zeros and remembers that it did. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return Math.max(0, this.#bytes.length - this.#at)
  }

  get isOverrun(): boolean {
    return this.#at > this.#bytes.length
  }

  bytes(count: number): Uint8Array {
    const part = new Uint8Array(count)
    part.set(this.#bytes.subarray(Math.min(this.#at, this.#bytes.length), this.#at + count))
    this.#at += count
    return part
  }

  u8(): number {
    return this.bytes(1)[0]!
  }

  u16(): number {
    return new DataView(this.bytes(2).buffer).getUint16(0, true)
  }

  u32(): number {
    return new DataView(this.bytes(4).buffer).getUint32(0, true)
  }

  u64(): bigint {
    return new DataView(this.bytes(8).buffer).getBigUint64(0, true)
  }
}
