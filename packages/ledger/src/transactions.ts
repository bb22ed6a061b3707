/** Transactions against the accounts, one after the other: a newcomer registers, money goes to stake and back. */
import { type Fault, fault, isFault, toHex } from '@gradmesh/core'
import {
  BOUNDS,
  type Digest,
  type EpochRules,
  type LeaveTx,
  type List,
  type RegisterTx,
  type RenewTx,
  type StakeTx,
  type Transaction,
  verifyTransaction
} from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import type { TrainerAccount } from './types.ts'

/** So that the registry cannot be flooded faster than the mesh can count it. */
export const TXS_PER_BLOCK_MAX = 16

export interface Ledgered {
  readonly trainers: readonly TrainerAccount[]
  readonly chainId: Digest
  readonly epochs: EpochRules
}

/**
 * Null when all are valid, in this order. Faults: LEDGER_TXS_COUNT, LEDGER_TX_KNOWN, LEDGER_TX_FULL,
 * LEDGER_TX_UNKNOWN, LEDGER_TX_NONCE, LEDGER_TX_AMOUNT, LEDGER_TX_SIGNATURE.
 */
export const checkTransactions = (on: Ledgered, txs: List<Transaction>): Fault<LedgerFault> | null => {
  if (txs.length > TXS_PER_BLOCK_MAX) return fault('LEDGER_TXS_COUNT', `${txs.length}`)
  const registry = new Registry(on)
  for (const [i, tx] of [...txs].entries()) {
    const wrong = registry.take(tx, 0)
    if (wrong !== null)
      return fault(wrong.fault, `transaction ${i}${wrong.detail ? `: ${wrong.detail}` : ''}`)
  }
  return null
}

/** What a leader may put into its block: the valid ones, in order, as many as fit. */
export const selectTransactions = (on: Ledgered, candidates: readonly Transaction[]): Transaction[] => {
  const registry = new Registry(on)
  const selected: Transaction[] = []
  for (const tx of candidates) {
    if (selected.length === TXS_PER_BLOCK_MAX) break
    if (registry.take(tx, 0) === null) selected.push(tx)
  }
  return selected
}

/** The registry after transactions that have passed `checkTransactions`. */
export const registryAfter = (
  on: Ledgered,
  txs: List<Transaction>,
  height: number
): readonly TrainerAccount[] => {
  if (txs.length === 0) return on.trainers
  const registry = new Registry(on)
  for (const tx of txs) registry.take(tx, height)
  return registry.trainers
}

/** The accounts as they become, transaction by transaction. */
class Registry {
  readonly #on: Ledgered
  readonly #indices = new Map<string, number>()
  readonly trainers: TrainerAccount[]

  constructor(on: Ledgered) {
    this.#on = on
    this.trainers = [...on.trainers]
    for (const [i, { key }] of on.trainers.entries()) this.#indices.set(toHex(key), i)
  }

  /** Null when it is valid, and then it counts. */
  take(tx: Transaction, height: number): Fault<LedgerFault> | null {
    const index = this.#indices.get(toHex(tx.key))
    const account = index === undefined ? undefined : this.trainers[index]
    const changed = tx.kind === 'register' ? this.#register(tx, account, height) : this.#stake(tx, account)
    if (isFault(changed)) return changed as Fault<LedgerFault>
    if (!verifyTransaction(tx, this.#on.chainId)) return fault('LEDGER_TX_SIGNATURE')
    // New trainers stand at the registry's end, so that indices never move.
    const at = index ?? this.trainers.length
    this.trainers[at] = changed as TrainerAccount
    this.#indices.set(toHex(tx.key), at)
    return null
  }

  #register(
    { key, label }: RegisterTx,
    account: TrainerAccount | undefined,
    height: number
  ): TrainerAccount | Fault<LedgerFault> {
    if (account !== undefined) return fault('LEDGER_TX_KNOWN')
    if (this.trainers.length >= BOUNDS.trainersMax) return fault('LEDGER_TX_FULL')
    return { ...emptyAccount, key, label, since: height }
  }

  #stake(
    tx: StakeTx | LeaveTx | RenewTx,
    account: TrainerAccount | undefined
  ): TrainerAccount | Fault<LedgerFault> {
    if (account === undefined) return fault('LEDGER_TX_UNKNOWN')
    if (tx.nonce !== account.nonce) return fault('LEDGER_TX_NONCE', `${tx.nonce}, ${account.nonce} is next`)
    const { balance, bond, leaving } = account
    const nonce = account.nonce + 1
    if (tx.kind === 'renew') return { ...account, nonce }
    if (tx.kind === 'leave') {
      return bond === leaving
        ? fault('LEDGER_TX_AMOUNT', 'nothing is bonded')
        : { ...account, nonce, leaving: bond }
    }
    const { amount } = tx
    const available = tx.kind === 'bond' ? balance : bond - leaving
    if (amount <= 0n || amount > available) {
      return fault('LEDGER_TX_AMOUNT', `${amount}, 1..${available} possible`)
    }
    const stays = bond - leaving + (tx.kind === 'bond' ? amount : -amount)
    if (stays !== 0n && stays < this.#on.epochs.bondMin) {
      return fault('LEDGER_TX_AMOUNT', `${stays} would be bonded, the least is ${this.#on.epochs.bondMin}`)
    }
    return tx.kind === 'bond'
      ? { ...account, nonce, balance: balance - amount, bond: bond + amount }
      : { ...account, nonce, leaving: leaving + amount }
  }
}

export const emptyAccount: Omit<TrainerAccount, 'key' | 'label' | 'since'> = {
  accepted: 0,
  lastRound: -1,
  nonce: 0,
  balance: 0n,
  bond: 0n,
  leaving: 0n,
  unbonding: [],
  vesting: [],
  slashed: 0n,
  convicted: null,
  absent: 0
}
