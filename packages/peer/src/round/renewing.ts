/**
 * A key that came back from a backup. What it signed between the backup and the loss is on no record here, and a vote,
 * a block or a delta that contradicts one of those costs its stake. So it signs none until it can't contradict any:
 *
 * it draws a random number, and asks by a transaction that a block take it (`renew`). The block that does was proposed
 * after the number was drawn, and the old self had stopped before. So was the descendant, if it is one, whose FINAL
 * certificate makes the block final: let its slot be s. An honest peer votes at its frontier alone, and a frontier is
 * above slot s only with a certificate of s. None of this block is older than the block, and none skips a slot that
 * has a FINAL (one that is final by a descendant may have been skipped long before); so the old self voted and proposed
 * at or below s, and it trained in no later round. Above both the key is free.
 *
 * How far this peer had come when it started, who tells it the chain, and how long it took: none of it matters. That
 * the old self runs no more is the operator's word.
 */
import { randomBytes } from 'node:crypto'
import { equalBytes, MeshError, type Timer } from '@gradmesh/core'
import { type Block, encodeTransaction, signStake } from '@gradmesh/wire'
import { type Context, publishAnyhow } from '../context.ts'
import type { FinalPoint } from '../state/ledger.ts'
import type { TransactionPool } from './transaction-pool.ts'

const ASK_EVERY_MS = 3000

/** Beside the key as long as it may not sign. */
export interface RestoredMark {
  isThere(): Promise<boolean>
  /** Durably. */
  clear(): Promise<void>
}

export interface RenewingParts {
  readonly final: () => FinalPoint
  readonly transactions: TransactionPool
  readonly mark: RestoredMark
}

export const keyRestored = (): MeshError =>
  new MeshError(
    'KEY_RESTORED',
    'the key of this peer came back from a backup: until a final block shows that it contradicts nothing, it neither votes nor trains',
    {
      remedy:
        'Nothing, while the mesh makes blocks: it takes a few rounds. If it makes none without this key, and never will, its operators agree on `gradmesh recover`.'
    }
  )

export class Renewing {
  readonly #context: Context
  readonly #parts: RenewingParts
  readonly #salt = new Uint8Array(randomBytes(32))
  #timer: Timer | undefined
  #isPending = true

  constructor(context: Context, parts: RenewingParts) {
    this.#context = context
    this.#parts = parts
  }

  get isPending(): boolean {
    return this.#isPending
  }

  /** Asks until it is done; a key that is not registered yet has nothing at stake, and waits until it is. */
  ask(): void {
    const { topics, clock, keys, chainId } = this.#context
    const final = this.#parts.final()
    const index = final.trainerIndex(keys.publicKey)
    if (index !== undefined) {
      const { nonce } = final.accounts.trainers[index]!
      const order = { kind: 'renew', key: keys.publicKey, salt: this.#salt, nonce } as const
      const bytes = encodeTransaction(signStake(order, chainId, keys))
      this.#parts.transactions.offer(bytes, final, null)
      publishAnyhow(this.#context, topics.transactions.name, bytes)
    }
    this.#timer = clock.after(ASK_EVERY_MS, () => this.ask())
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Blocks that came final together, the last by its own certificate. Answers whether the key may sign from here on. */
  async see(blocks: readonly Block[]): Promise<boolean> {
    const { keys, safety, log } = this.#context
    const isTaken = blocks.some(({ body }) =>
      body.txs.some(
        tx => tx.kind === 'renew' && equalBytes(tx.key, keys.publicKey) && equalBytes(tx.salt, this.#salt)
      )
    )
    if (!isTaken || !this.#isPending) return false
    const { slot, round, height } = blocks.at(-1)!.header
    await safety.prune({ slot: slot + 1, round: round + 1 })
    await this.#parts.mark.clear()
    this.#isPending = false
    this.stop()
    log.info({ height, slot, round }, 'the restored key signs again, above this block')
    return true
  }
}
