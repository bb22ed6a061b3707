/**
 * Attestations of the open round. A validator signs once what it holds: as soon as everybody it can
 * expect has delivered, at the deadline otherwise. Whom to expect is each validator's own guess and
 * only costs time: a trainer is waited for while it is connected or was lately accepted, and no longer
 * once two deadlines have passed without it, nor by anybody who holds what most of the stake has attested: a
 * peer that has just come must not hold up those who have waited. While nobody trains, rounds close for the sake of what else
 * a block carries: the first trainer of a mesh of validators must get in.
 */
import { equalBytes, type Fault, isFault, type Timer, toHex } from '@gradmesh/core'
import { epochOf, namedTrainers } from '@gradmesh/ledger'
import {
  type Attest,
  BOUNDS,
  bitmapOf,
  type Digest,
  decodeAttest,
  encodeAttest,
  isBitmapOver,
  isQuorum,
  type PublicKey,
  signAttest,
  trainerSetHash,
  verifyAttest
} from '@gradmesh/wire'
import { type Context, publishAnyhow } from '../context.ts'
import { Echoes } from '../echoes.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Extent, Held } from '../holding.ts'
import type { FinalPoint } from '../state/ledger.ts'
import type { DeltaPool } from './delta-pool.ts'
import type { Epoch } from './epochs.ts'

const MISSES_MAX = 2
const RECENT_ROUNDS = 2
const EARLY_ROUNDS = 2
/** An attestation is repeated once a deadline; who says it more often is not its author. */
const ECHO_MS = 500

export class Attesting {
  readonly #context: Context
  readonly #pool: DeltaPool
  readonly #missed = new Map<string, number>()
  readonly #early = new Map<number, Attest>()
  readonly #heard: Echoes
  #attests = new Map<number, Attest>()
  #final: FinalPoint
  #epoch: Epoch
  #setHash: Digest
  #deadline: Timer | undefined
  #halfTime: Timer | undefined
  #signed = false
  /** While behind the mesh a peer has nothing to attest. */
  paused = true
  /** Called whenever the set of attestations for the open round has grown, and at each new final point. */
  onChange: () => void = () => {}
  /** Called when half the time is over and somebody who is expected has not delivered: gossip may have lost it. */
  onMissing: () => void = () => {}
  /** Whether transactions or evidence wait for a block. */
  isWorkWaiting: (final: FinalPoint) => boolean = () => false

  constructor(context: Context, pool: DeltaPool, final: FinalPoint) {
    this.#context = context
    this.#pool = pool
    this.#final = final
    this.#epoch = context.epochs.running
    this.#heard = new Echoes(context.clock, ECHO_MS)
    this.#setHash = trainerSetHash(final.accounts.trainers.map(trainer => trainer.key))
  }

  held({ trainers }: Extent): readonly Held[] {
    return [
      { what: 'attestations', entries: this.#attests.size, max: this.#epoch.seats.length },
      { what: 'early attestations', entries: this.#early.size, max: BOUNDS.validatorsMax },
      { what: 'trainers that were missed', entries: this.#missed.size, max: trainers },
      this.#heard.held('attestations passed on')
    ]
  }

  all(): Attest[] {
    return [...this.#attests.values()].sort((a, b) => a.validator - b.validator)
  }

  /** More than two thirds of the stake have attested what builds on this final point. */
  hasQuorum(final: FinalPoint): boolean {
    if (final.accounts.round !== this.#final.accounts.round) return false
    return isQuorum(this.#attested(), this.#epoch.totalStake)
  }

  #attested(): bigint {
    return [...this.#attests.keys()].reduce((sum, validator) => sum + this.#epoch.seats[validator]!.stake, 0n)
  }

  isComplete(): boolean {
    return this.#attests.size === this.#epoch.seats.length
  }

  /** A new final point; a new round if its root is new. */
  advance(final: FinalPoint): void {
    const isNewRound = final.accounts.round !== this.#final.accounts.round
    this.#final = final
    this.#epoch = this.#context.epochs.running
    if (isNewRound) this.#turn(final)
    this.onChange()
  }

  #turn(final: FinalPoint): void {
    this.#setHash = trainerSetHash(final.accounts.trainers.map(trainer => trainer.key))
    this.#attests = new Map()
    this.#signed = false
    for (const [validator, attest] of this.#early) {
      if (attest.round > final.accounts.round) continue
      this.#early.delete(validator)
      if (attest.round === final.accounts.round && this.#mismatch(attest) === null)
        this.#attests.set(validator, attest)
    }
    this.open()
  }

  /** Starts (or starts again) to wait for the open round's deltas. */
  open(): void {
    this.#clear()
    if (this.paused) return
    const { clock, genesis } = this.#context
    const { roundDeadlineMs } = genesis.timing
    this.#deadline = clock.after(roundDeadlineMs, () => this.#atDeadline())
    this.#halfTime = clock.after(roundDeadlineMs / 2, () => this.#atHalfTime())
    this.consider()
  }

  stop(): void {
    this.#clear()
    this.paused = true
  }

  #clear(): void {
    this.#deadline?.cancel()
    this.#halfTime?.cancel()
  }

  /** An attestation from gossip. */
  offer(bytes: Uint8Array): Fault<FaultCode> | null {
    const attest = decodeAttest(bytes)
    if (isFault(attest)) return attest
    const open = this.#final.accounts.round
    if (attest.epoch !== epochOf(this.#context.genesis.epochs, attest.round)) return peerFault('ATTEST_EPOCH')
    if (attest.round < open) return peerFault('ATTEST_STALE')
    const epoch = this.#context.epochs.at(attest.epoch)
    if (epoch === undefined) return peerFault('EPOCH_UNKNOWN')
    if (!verifyAttest(attest, epoch.keys, this.#context.chainId)) return peerFault('WIRE_SIGNATURE')
    if (attest.round > open + EARLY_ROUNDS) return peerFault('ATTEST_EARLY')
    if (attest.round > open) this.#early.set(attest.validator, attest)
    else {
      const wrong = this.#mismatch(attest)
      if (wrong !== null) return wrong
      this.#take(attest)
    }
    return this.#heard.isEcho(`${attest.round}/${attest.validator}`) ? peerFault('ATTEST_KNOWN') : null
  }

  /** Signs if everybody who can be expected has delivered, or most others have; with nobody to expect, if there is other work. */
  consider(): void {
    if (this.paused || this.#signed || this.#epoch.self === null) return
    // The pool moves on a moment earlier: what it holds then is of the next round.
    if (this.#pool.round !== this.#final.accounts.round) return
    const expected = this.#expected()
    const isComplete = expected.every(key => this.#pool.ofTrainer(key) !== undefined)
    const isReady = isComplete && (expected.length > 0 || this.isWorkWaiting(this.#final))
    if (isReady || this.#isClosing()) this.#sign()
  }

  /** More than half of the stake has attested, and what a block will name is held here. */
  #isClosing(): boolean {
    const { running, round, trainers } = this.#final.accounts
    if (2n * this.#attested() <= this.#epoch.totalStake) return false
    const named = namedTrainers(running, this.#context.genesis.seed, trainers.length, round, this.all())
    return named.length > 0 && named.every(index => this.#holds(trainers[index]!.key))
  }

  #holds(trainer: PublicKey): boolean {
    return this.#pool.ofTrainer(toHex(trainer)) !== undefined
  }

  /** What makes an attestation of the open round unfit for a block. */
  #mismatch({ base, setHash, bitmap }: Attest): Fault<FaultCode> | null {
    if (!equalBytes(base, this.#final.root) || !equalBytes(setHash, this.#setHash))
      return peerFault('ATTEST_SET')
    return isBitmapOver(bitmap, this.#final.accounts.trainers.length) ? null : peerFault('ATTEST_BITMAP')
  }

  #take(attest: Attest): void {
    if (this.#attests.has(attest.validator)) return
    this.#attests.set(attest.validator, attest)
    this.onChange()
    this.consider()
  }

  /** Looked at for every attestation and delta: of a large registry, only those who may be expected become text. */
  #expected(): string[] {
    const { net, self } = this.#context
    const { round, trainers } = this.#final.accounts
    const connected = [...net.peers().map(peer => peer.key), self]
    const recent = trainers.filter(({ lastRound }) => lastRound >= 0 && round - lastRound <= RECENT_ROUNDS)
    const expected = new Set(recent.map(({ key }) => toHex(key)))
    for (const key of connected) if (this.#final.isTrainer(key)) expected.add(key)
    return [...expected].filter(key => (this.#missed.get(key) ?? 0) < MISSES_MAX)
  }

  #atHalfTime(): void {
    if (!this.#signed && this.#expected().some(key => this.#pool.ofTrainer(key) === undefined))
      this.onMissing()
  }

  #atDeadline(): void {
    const isInStep = this.#pool.round === this.#final.accounts.round
    if (isInStep && !this.#signed && this.#epoch.self !== null) {
      for (const key of this.#expected()) {
        if (this.#pool.ofTrainer(key) === undefined) this.#missed.set(key, (this.#missed.get(key) ?? 0) + 1)
      }
      // With nothing to attest there is nothing to close: a round without a delta would be lost work.
      const { trainers } = this.#final.accounts
      if (trainers.some(({ key }) => this.#holds(key))) this.#sign()
      else this.consider()
    }
    // Attestations may have been lost on the way: say it again until the round has closed.
    this.repeat()
    if (this.paused) return
    const { clock, genesis } = this.#context
    this.#deadline = clock.after(genesis.timing.roundDeadlineMs, () => this.#atDeadline())
  }

  /** For those who have not heard it: it was lost, or they have just come. */
  repeat(): void {
    const own = this.#epoch.self === null ? undefined : this.#attests.get(this.#epoch.self)
    if (own !== undefined) publishAnyhow(this.#context, this.#context.topics.attests.name, encodeAttest(own))
  }

  /** A delta of this trainer arrived, late or not: it is alive. */
  seen(trainer: string): void {
    this.#missed.delete(trainer)
  }

  #sign(): void {
    const { trainers, round } = this.#final.accounts
    const held = trainers.flatMap(({ key }, index) => (this.#holds(key) ? [index] : []))
    this.#signed = true
    void this.#publish(round, held)
  }

  /** "Held" means durable: the payloads are on the disk before the signature leaves. */
  async #publish(round: number, held: readonly number[]): Promise<void> {
    const { chain, chainId, keys, net, topics, fail } = this.#context
    const { root, accounts } = this.#final
    const setHash = this.#setHash
    try {
      const deltas = held.flatMap(
        index => this.#pool.ofTrainer(toHex(accounts.trainers[index]!.key))?.signed ?? []
      )
      await chain.putDeltas(deltas)
      if (this.#final.accounts.round !== round) return
      const bitmap = bitmapOf(accounts.trainers.length, held)
      const attest = signAttest(
        { epoch: this.#epoch.number, round, base: root, setHash, bitmap },
        this.#epoch.self!,
        chainId,
        keys
      )
      this.#context.log.debug({ round, held: held.length }, 'attested')
      this.#take(attest)
      await net.publish(topics.attests.name, encodeAttest(attest))
    } catch (error) {
      fail(error)
    }
  }
}
