/** An order about stake, as a peer's operator gives it: signed with the peer's key, repeated until it is final. */
import { isFault } from '@gradmesh/core'
import type { TrainerAccount } from '@gradmesh/ledger'
import { submit } from '@gradmesh/peer/parts'
import { encodeTransaction, signStake, type Transaction } from '@gradmesh/wire'
import type { SimNode } from './node.ts'
import type { Fault } from './plan.ts'
import { violate } from './violation.ts'

type Ordered = Extract<Fault, { kind: 'order' }>

/** There is too little to move for now: a reward may come free yet. */
const POOR = 'LEDGER_TX_AMOUNT'

export class Order {
  readonly #node: SimNode
  readonly #ordered: Ordered
  /** Once it was taken: what it says, and the number that says it became final. */
  #given: { readonly tx: Transaction; readonly nonce: number } | null = null
  isDone = false

  constructor(node: SimNode, ordered: Ordered) {
    this.#node = node
    this.#ordered = ordered
  }

  get isHonest(): boolean {
    return this.#node.machine.honest
  }

  /** A block could take it. */
  get isPossible(): boolean {
    return this.#given !== null
  }

  /** Nothing happens while the peer is not there, has no account, or has nothing to move. */
  async bring(): Promise<void> {
    const { life, machine } = this.#node
    const ledger = life?.peer.ledger
    const transactions = life?.peer.transactions
    if (!life?.online || ledger === undefined || transactions === undefined) return
    const account = ledger.final.accounts.trainers[ledger.final.trainerIndex(machine.keys.publicKey) ?? -1]
    if (account === undefined) return
    if (this.#given !== null && account.nonce > this.#given.nonce) {
      this.isDone = true
      return
    }
    const { context } = life.peer
    const tx = this.#given?.tx ?? this.#sign(account, context.chainId)
    if (tx === null) return
    const answer = await submit(context, { ledger, transactions }, encodeTransaction(tx))
    if (!isFault(answer)) this.#given ??= { tx, nonce: account.nonce }
    // It was possible when it was given; meanwhile the seat was lost and its bond leaves.
    else if (answer.fault === POOR) this.#given = null
    else if (answer.fault !== 'TX_KNOWN' && answer.fault !== 'TX_FULL')
      violate(`peer ${machine.place} refused its operator's order: ${answer.fault} ${answer.detail ?? ''}`)
  }

  #sign({ key, nonce, balance, bond, leaving }: TrainerAccount, chainId: Uint8Array): Transaction | null {
    const { order, quarters } = this.#ordered
    const { keys } = this.#node.machine
    if (order === 'leave')
      return bond === leaving ? null : signStake({ kind: order, key, nonce }, chainId, keys)
    const amount = ((order === 'bond' ? balance : bond - leaving) * BigInt(quarters)) / 4n
    return amount === 0n ? null : signStake({ kind: order, key, amount, nonce }, chainId, keys)
  }
}
