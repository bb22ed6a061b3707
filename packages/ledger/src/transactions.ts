/** Transactions against the accounts; today the one kind by which a newcomer joins the registry. */
import { type Fault, fault, toHex } from '@gradmesh/core'
import { BOUNDS, type Digest, type Transaction, verifyTransaction } from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import type { Accounts, TrainerAccount } from './types.ts'

/** So that the registry cannot be flooded faster than the mesh can count it. */
export const TXS_PER_BLOCK_MAX = 16

/** Null when all are valid, in this order. Faults: LEDGER_TXS_COUNT, LEDGER_TX_KNOWN, LEDGER_TX_FULL, LEDGER_TX_SIGNATURE. */
export const checkTransactions = (
  accounts: Accounts,
  txs: readonly Transaction[],
  chainId: Digest
): Fault<LedgerFault> | null => {
  if (txs.length > TXS_PER_BLOCK_MAX) return fault('LEDGER_TXS_COUNT', `${txs.length}`)
  if (accounts.trainers.length + txs.length > BOUNDS.trainersMax) return fault('LEDGER_TX_FULL')
  const known = new Set(accounts.trainers.map(({ key }) => toHex(key)))
  for (const [i, tx] of txs.entries()) {
    const key = toHex(tx.key)
    if (known.has(key)) return fault('LEDGER_TX_KNOWN', `transaction ${i}`)
    if (!verifyTransaction(tx, chainId)) return fault('LEDGER_TX_SIGNATURE', `transaction ${i}`)
    known.add(key)
  }
  return null
}

/** What a leader may put into its block: the valid ones, in order, as many as fit. */
export const selectTransactions = (
  accounts: Accounts,
  candidates: readonly Transaction[],
  chainId: Digest
): Transaction[] => {
  const selected: Transaction[] = []
  for (const tx of candidates) {
    if (selected.length === TXS_PER_BLOCK_MAX) break
    if (checkTransactions(accounts, [...selected, tx], chainId) === null) selected.push(tx)
  }
  return selected
}

/** New trainers stand at the registry's end, so that indices never move. */
export const registered = (txs: readonly Transaction[], height: number): TrainerAccount[] =>
  txs.map(({ key, label }) => ({ key, label, since: height, accepted: 0, lastRound: -1, balance: 0n }))
