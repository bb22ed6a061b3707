/** A transaction from this machine's operator, signed by its key, on its way into the mesh. */
import type { Submitted } from '@gradmesh/api'
import { type Fault, isFault, toHex } from '@gradmesh/core'
import { checkTransactions } from '@gradmesh/ledger'
import { decodeTransaction, type Transaction, transactionId } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import type { FaultCode } from '../faults.ts'
import type { TransactionPool } from '../round/transaction-pool.ts'
import type { Ledger } from '../state/ledger.ts'

export interface SubmittingParts {
  readonly ledger: Ledger
  readonly transactions: TransactionPool
}

/**
 * Brought again it is spread again. One that no block could take now is refused, but for an order that waits for
 * another of its key. Faults: WIRE_…, TX_KNOWN, TX_FULL, LEDGER_TX_….
 */
export const submit = async (
  { net, topics, chainId, genesis }: Context,
  { ledger, transactions }: SubmittingParts,
  bytes: Uint8Array
): Promise<Submitted | Fault<FaultCode>> => {
  const tx = decodeTransaction(bytes)
  if (isFault(tx)) return tx
  const { height, accounts } = ledger.final
  const on = { trainers: accounts.trainers, chainId, epochs: genesis.epochs }
  const wrong = checkTransactions(on, [tx as Transaction])
  if (wrong !== null && wrong.fault !== 'LEDGER_TX_NONCE') return wrong
  const refused = transactions.offer(bytes, ledger.final, null)
  if (refused !== null) return refused
  await net.publish(topics.transactions.name, bytes)
  return {
    id: toHex(transactionId(tx as Transaction)),
    height,
    epoch: accounts.epoch,
    round: accounts.round
  }
}
