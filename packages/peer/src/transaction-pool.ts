/**
 * Transactions waiting for a block. Bounded, one a key; those that the ledger knows already are dropped. When the pool
 * is full, the peer that brought most gives up its newest for one of a peer that brought fewer: a flood drives out
 * its own, and everybody else still gets in.
 */
import { type Fault, isFault, toHex } from '@gradmesh/core'
import { selectTransactions } from '@gradmesh/ledger'
import type { PeerKey } from '@gradmesh/net'
import { decodeTransaction, type Transaction, verifyTransaction } from '@gradmesh/wire'
import type { Context } from './context.ts'
import { type FaultCode, peerFault } from './faults.ts'
import type { FinalPoint } from './ledger.ts'

const MAX = 1024

/** Who brought it: null for this peer itself, whose own never give way. */
type Source = PeerKey | null

export class TransactionPool {
  readonly #context: Context
  readonly #waiting = new Map<string, { readonly tx: Transaction; readonly from: Source }>()
  onTransaction: () => void = () => {}

  constructor(context: Context) {
    this.#context = context
  }

  offer(bytes: Uint8Array, final: FinalPoint, from: Source): Fault<FaultCode> | null {
    const tx = decodeTransaction(bytes)
    if (isFault(tx)) return tx
    if (final.isTrainer(tx.key)) return peerFault('TX_KNOWN')
    if (!verifyTransaction(tx, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    const key = toHex(tx.key)
    const before = this.#waiting.get(key)
    if (before === undefined && this.#waiting.size >= MAX && !this.#makeRoom(from))
      return peerFault('TX_FULL')
    // Who brought a key first answers for it: another must not be charged for repeating it.
    this.#waiting.set(key, { tx, from: before === undefined ? from : before.from })
    this.onTransaction()
    return null
  }

  forBlock(final: FinalPoint): Transaction[] {
    for (const [key, { tx }] of this.#waiting) if (final.isTrainer(tx.key)) this.#waiting.delete(key)
    return [
      ...selectTransactions(
        {
          trainers: final.accounts.trainers,
          chainId: this.#context.chainId,
          epochs: this.#context.genesis.epochs
        },
        [...this.#waiting.values()].map(({ tx }) => tx)
      )
    ]
  }

  /** False when nobody brought more than `from` would have then. */
  #makeRoom(from: Source): boolean {
    const newest = new Map<PeerKey, { count: number; key: string }>()
    let own = 0
    for (const [key, { from: source }] of this.#waiting) {
      if (source === from) own++
      if (source !== null) newest.set(source, { count: (newest.get(source)?.count ?? 0) + 1, key })
    }
    const [greediest] = [...newest.values()].sort((a, b) => b.count - a.count)
    if (greediest === undefined || (from !== null && greediest.count <= own + 1)) return false
    return this.#waiting.delete(greediest.key)
  }
}
