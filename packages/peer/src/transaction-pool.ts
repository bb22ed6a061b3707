/** Transactions waiting for a block. Bounded, one a key; those that the ledger knows already are dropped. */
import { type Fault, isFault, toHex } from '@gradmesh/core'
import { selectTransactions } from '@gradmesh/ledger'
import { decodeTransaction, type Transaction, verifyTransaction } from '@gradmesh/wire'
import type { Context } from './context.ts'
import { type FaultCode, peerFault } from './faults.ts'
import type { FinalPoint } from './ledger.ts'

const MAX = 1024

export class TransactionPool {
  readonly #context: Context
  readonly #waiting = new Map<string, Transaction>()
  onTransaction: () => void = () => {}

  constructor(context: Context) {
    this.#context = context
  }

  offer(bytes: Uint8Array, final: FinalPoint): Fault<FaultCode> | null {
    const tx = decodeTransaction(bytes)
    if (isFault(tx)) return tx
    if (final.isTrainer(tx.key)) return peerFault('TX_KNOWN')
    if (!verifyTransaction(tx, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    const key = toHex(tx.key)
    if (!this.#waiting.has(key) && this.#waiting.size >= MAX) return peerFault('TX_FULL')
    this.#waiting.set(key, tx)
    this.onTransaction()
    return null
  }

  forBlock(final: FinalPoint): Transaction[] {
    for (const [key, tx] of this.#waiting) if (final.isTrainer(tx.key)) this.#waiting.delete(key)
    return [
      ...selectTransactions(
        {
          trainers: final.accounts.trainers,
          chainId: this.#context.chainId,
          epochs: this.#context.genesis.epochs
        },
        [...this.#waiting.values()]
      )
    ]
  }
}
