/**
 * Transactions waiting for a block. Bounded, one registration and a few stake transactions a key; those that the
 * ledger has counted already are dropped. When the pool is full, the peer that brought most gives up its newest for
 * one of a peer that brought fewer: a flood drives out its own, and everybody else still gets in.
 */
import { type Fault, fault, isFault, toHex } from '@gradmesh/core'
import { selectTransactions } from '@gradmesh/ledger'
import type { PeerKey } from '@gradmesh/net'
import { decodeTransaction, type Transaction, verifyTransaction } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { Echoes } from '../echoes.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Held } from '../holding.ts'
import type { FinalPoint } from '../state/ledger.ts'

const MAX = 1024
/** Stake transactions of one key that may wait for each other. */
const NONCES_AHEAD = 8
/** Whoever wants to register says so every three seconds. */
const ECHO_MS = 2000

/** Who brought it: null for this peer itself, whose own never give way. */
type Source = PeerKey | null

export class TransactionPool {
  readonly #context: Context
  readonly #waiting = new Map<string, { readonly tx: Transaction; readonly from: Source }>()
  readonly #heard: Echoes
  onTransaction: () => void = () => {}

  constructor(context: Context) {
    this.#context = context
    this.#heard = new Echoes(context.clock, ECHO_MS)
  }

  offer(bytes: Uint8Array, final: FinalPoint, from: Source): Fault<FaultCode> | null {
    const tx = decodeTransaction(bytes)
    if (isFault(tx)) return tx
    if (isCounted(tx, final)) return peerFault('TX_KNOWN')
    if (tx.kind !== 'register') {
      const nonce = nonceOf(tx, final)
      if (nonce === undefined) return fault('LEDGER_TX_UNKNOWN')
      if (tx.nonce >= nonce + NONCES_AHEAD) return fault('LEDGER_TX_NONCE', `${tx.nonce}, ${nonce} is next`)
    }
    if (!verifyTransaction(tx, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    const place = placeOf(tx)
    const before = this.#waiting.get(place)
    if (before === undefined && this.#waiting.size >= MAX && !this.#makeRoom(from))
      return peerFault('TX_FULL')
    // Who brought a transaction first answers for it: another must not be charged for repeating it.
    this.#waiting.set(place, { tx, from: before === undefined ? from : before.from })
    this.onTransaction()
    return from !== null && this.#heard.isEcho(place) ? peerFault('TX_KNOWN') : null
  }

  held(): readonly Held[] {
    return [
      { what: 'transactions', entries: this.#waiting.size, max: MAX },
      this.#heard.held('transactions passed on')
    ]
  }

  forBlock(final: FinalPoint): Transaction[] {
    for (const [place, { tx }] of this.#waiting) if (isCounted(tx, final)) this.#waiting.delete(place)
    const { chainId, genesis } = this.#context
    const on = { trainers: final.accounts.trainers, chainId, epochs: genesis.epochs }
    const inOrder = [...this.#waiting.values()].map(({ tx }) => tx).sort((a, b) => orderOf(a) - orderOf(b))
    return [...selectTransactions(on, inOrder)]
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

/** Of the next stake transaction of its key; undefined for a key that is not registered. */
const nonceOf = ({ key }: Transaction, final: FinalPoint): number | undefined => {
  const index = final.trainerIndex(key)
  return index === undefined ? undefined : final.accounts.trainers[index]!.nonce
}

const isCounted = (tx: Transaction, final: FinalPoint): boolean => {
  const nonce = nonceOf(tx, final)
  return nonce !== undefined && (tx.kind === 'register' || tx.nonce < nonce)
}

const orderOf = (tx: Transaction): number => (tx.kind === 'register' ? -1 : tx.nonce)

/** The newest of a place wins: whoever changes his mind before a block came may. */
const placeOf = (tx: Transaction): string => `${toHex(tx.key)}/${orderOf(tx)}`
