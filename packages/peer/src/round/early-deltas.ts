/**
 * Deltas that came before their round. One place a trainer; when all are taken, who has more at stake in the mesh comes
 * first: registering is free, so places given in the order of arrival could be filled against honest trainers.
 */
const PLACES = 256

interface Early {
  readonly trainer: string
  readonly round: number
  readonly bytes: Uint8Array
  /** Stake, then accepted deltas. */
  readonly standing: Standing
}

export interface Standing {
  readonly stake: bigint
  readonly accepted: number
}

const isBelow = (one: Standing, other: Standing): boolean =>
  one.stake < other.stake || (one.stake === other.stake && one.accepted < other.accepted)

export class EarlyDeltas {
  readonly #byTrainer = new Map<string, Early>()

  get size(): number {
    return this.#byTrainer.size
  }

  static readonly max = PLACES

  /** Of a trainer's the one for the lowest round. Whether this one would find a place: ask before checking it. */
  hasPlaceFor({ trainer, round, standing }: Omit<Early, 'bytes'>): boolean {
    const own = this.#byTrainer.get(trainer)
    if (own !== undefined) return round < own.round
    return this.#byTrainer.size < PLACES || isBelow(this.#lowest().standing, standing)
  }

  /** Takes a place that `hasPlaceFor` promised. */
  keep(early: Early): void {
    if (!this.#byTrainer.has(early.trainer) && this.#byTrainer.size >= PLACES)
      this.#byTrainer.delete(this.#lowest().trainer)
    this.#byTrainer.set(early.trainer, early)
  }

  /** Gives out what is for this round, and forgets what was for earlier ones. */
  take(round: number): Uint8Array[] {
    const due = [...this.#byTrainer.values()].filter(early => early.round <= round)
    for (const { trainer } of due) this.#byTrainer.delete(trainer)
    return due.filter(early => early.round === round).map(({ bytes }) => bytes)
  }

  #lowest(): Early {
    return [...this.#byTrainer.values()].reduce((low, early) =>
      isBelow(early.standing, low.standing) ? early : low
    )
  }
}
