/**
 * The validator sets that this peer works with: of the epoch that runs, of the next, which is known already,
 * and of the one before, whose last votes may still come. Who votes, who leads and what a signature is
 * checked against all follow from a message's epoch.
 */
import { leaderOf } from '@gradmesh/consensus'
import { assert, equalBytes, remember } from '@gradmesh/core'
import { type Sets, stakeOf, type ValidatorSeat, type ValidatorSet } from '@gradmesh/ledger'
import { type Certificate, type Digest, type PublicKey, validatorSetHash } from '@gradmesh/wire'
import { verifyCertificateBeside } from './checking.ts'

/** Slots whose leaders are remembered: the lottery sorts and hashes, and every message of a slot asks for it. */
const LEADERS_KEPT = 256

export class Epoch {
  readonly number: number
  readonly seats: readonly ValidatorSeat[]
  readonly keys: readonly PublicKey[]
  readonly totalStake: bigint
  readonly setHash: Digest
  readonly leaderSeed: Digest
  /** Index of the own seat, or null for a peer that does not vote in this epoch. */
  readonly self: number | null
  readonly #leaders = new Map<number, number>()

  constructor(number: number, set: ValidatorSet, self: PublicKey | null) {
    this.number = number
    this.seats = set.seats
    this.keys = set.seats.map(({ key }) => key)
    this.totalStake = stakeOf(set)
    this.setHash = validatorSetHash(set.seats)
    this.leaderSeed = set.leaderSeed
    const found = self === null ? -1 : this.keys.findIndex(key => equalBytes(key, self))
    this.self = found < 0 ? null : found
  }

  /** Index of the seat that leads a slot. */
  leader(slot: number): number {
    const known = this.#leaders.get(slot)
    if (known !== undefined) return known
    const index = leaderOf({ validators: this.seats, leaderSeed: this.leaderSeed }, slot)
    remember(this.#leaders, slot, index, LEADERS_KEPT)
    return index
  }

  leaderKey(slot: number): PublicKey {
    return this.keys[this.leader(slot)]!
  }

  /** Of a large certificate other threads check the signatures: this one may serve the vote. */
  certifies(certificate: Certificate, chainId: Digest): boolean | Promise<boolean> {
    return certificate.epoch === this.number && verifyCertificateBeside(certificate, this.seats, chainId)
  }
}

export class Epochs {
  #self: PublicKey | null
  readonly #known = new Map<number, Epoch>()
  #running!: Epoch

  /** `self`: the own key, or null for whoever only looks on. */
  constructor(sets: Sets, self: PublicKey | null) {
    this.#self = self
    this.turn(sets)
  }

  /** From here on this key votes, in the epochs that are known too. */
  seat(self: PublicKey): void {
    this.#self = self
    for (const [number, known] of this.#known) this.#known.set(number, new Epoch(number, known, self))
    this.#running = this.#known.get(this.#running.number)!
  }

  get running(): Epoch {
    return this.#running
  }

  /** Undefined for an epoch whose set this peer does not know, or has forgotten. */
  at(epoch: number): Epoch | undefined {
    return this.#known.get(epoch)
  }

  /** Whether a set with this hash votes in an epoch that is known. */
  seats(setHash: Digest): boolean {
    return [...this.#known.values()].some(epoch => equalBytes(epoch.setHash, setHash))
  }

  /** After a final block; nothing changes while its epoch is the one that runs. */
  turn({ epoch, running, next }: Sets): void {
    if (this.#running?.number === epoch) return
    assert(this.#running === undefined || epoch > this.#running.number, 'epochs only go forward')
    this.learn(epoch, running)
    this.learn(epoch + 1, next)
    this.#running = this.#known.get(epoch)!
    for (const known of this.#known.keys()) if (known < epoch - 1) this.#known.delete(known)
  }

  /** A set that was proven. */
  learn(epoch: number, set: ValidatorSet): void {
    if (!this.#known.has(epoch)) this.#known.set(epoch, new Epoch(epoch, set, this.#self))
  }
}
