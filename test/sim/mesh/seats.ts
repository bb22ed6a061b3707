/**
 * The judge of who votes, across epochs: a set is fixed two epochs ahead and the same for all, it changes by no more
 * than the protocol's tenths, and every seat rests on a bond. Who was absent is counted here anew, from the blocks.
 */
import { toHex } from '@gradmesh/core'
import type { Accounts, ValidatorSet } from '@gradmesh/ledger'
import type { Block, Genesis } from '@gradmesh/wire'
import { violate } from './violation.ts'

const CHURN_PARTS = 10n

interface Known {
  readonly said: string
  /** By index into the registry. */
  readonly stakes: ReadonlyMap<number, bigint>
  /** Registry indices by seat. */
  readonly seats: readonly number[]
}

export class SeatsChecker {
  readonly #rules: Genesis['epochs']
  readonly #liar: number | null
  readonly #sets = new Map<number, Known>()
  /** Rounds without an attestation, by index into the registry. */
  readonly #absent = new Map<number, number>()
  /** By the epoch that began then: who lost a seat at once. */
  readonly #dismissed = new Map<number, ReadonlySet<number>>()
  #compared = 1
  epoch = 0

  constructor({ epochs }: Genesis, liar: number | null) {
    this.#rules = epochs
    this.#liar = liar
  }

  /** The accounts after a final block, as an honest peer has them. */
  accounts(height: number, { epoch, round, running, next, trainers }: Accounts): void {
    if (epoch !== Math.floor(round / this.#rules.rounds))
      violate(`at height ${height} round ${round} is open in epoch ${epoch}`)
    this.epoch = Math.max(this.epoch, epoch)
    this.#learn(epoch, running)
    this.#learn(epoch + 1, next)
    for (const { trainer, stake } of [...running.seats, ...next.seats]) {
      const { bond, slashed } = trainers[trainer]!
      if (bond + slashed < stake)
        violate(`at height ${height} trainer ${trainer} votes with ${stake}, and ${bond} is bonded`)
    }
    this.#compare()
  }

  /** A final block that closed a round, each in its turn. */
  closed({ header: { epoch, round }, body }: Block): void {
    const present = new Set(body.attests.map(({ validator }) => validator))
    for (const [seat, trainer] of (this.#sets.get(epoch)?.seats ?? []).entries())
      this.#absent.set(trainer, present.has(seat) ? 0 : (this.#absent.get(trainer) ?? 0) + 1)
    if ((round + 1) % this.#rules.rounds !== 0) return
    const dismissed = [...this.#absent].filter(([, rounds]) => rounds >= this.#rules.absentRounds)
    for (const [trainer] of dismissed) this.#absent.set(trainer, 0)
    this.#dismissed.set(epoch + 1, new Set(dismissed.map(([trainer]) => trainer)))
    this.#compare()
  }

  #learn(epoch: number, { leaderSeed, seats }: ValidatorSet): void {
    const said = [toHex(leaderSeed), ...seats.map(({ key, stake }) => `${toHex(key)} ${stake}`)].join('\n')
    const known = this.#sets.get(epoch)
    if (known !== undefined && known.said !== said) violate(`the set of epoch ${epoch} was changed`)
    if (known !== undefined) return
    const stakes = new Map(seats.map(({ trainer, stake }) => [trainer, stake]))
    this.#sets.set(epoch, { said, stakes, seats: seats.map(({ trainer }) => trainer) })
  }

  /** Each set with the one before it, once both are known and who was dismissed between them. */
  #compare(): void {
    for (; ; this.#compared++) {
      const before = this.#sets.get(this.#compared)
      const after = this.#sets.get(this.#compared + 1)
      const dismissed = this.#dismissed.get(this.#compared)
      if (before === undefined || after === undefined || dismissed === undefined) return
      this.#churn(before.stakes, after.stakes, dismissed)
    }
  }

  #churn(before: Known['stakes'], after: Known['stakes'], dismissed: ReadonlySet<number>): void {
    const epoch = this.#compared + 1
    const total = [...before.values()].reduce((sum, stake) => sum + stake, 0n)
    const most = total < CHURN_PARTS ? 1n : total / CHURN_PARTS
    let entering = 0n
    let going = 0n
    for (const trainer of new Set([...before.keys(), ...after.keys()])) {
      const change = (after.get(trainer) ?? 0n) - (before.get(trainer) ?? 0n)
      if (change > 0n) entering += change
      if (dismissed.has(trainer) && after.has(trainer) && after.size > dismissed.size)
        violate(`trainer ${trainer} was absent and keeps a seat in epoch ${epoch}`)
      // Whoever was convicted leaves at once, and only the liar can be.
      if (change < 0n && !dismissed.has(trainer) && trainer !== this.#liar) going -= change
    }
    if (entering > most || going > most)
      violate(`${entering} enters and ${going} leaves for epoch ${epoch}, at most ${most} may`)
  }
}
