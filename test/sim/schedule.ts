/**
 * What one seed plans before a run begins: who takes part, and each fault as an entry that can be left out by
 * its name. Leaving faults out one by one, as long as the run still fails, is how a failure is shrunk.
 */
import type { Validator } from '@gradmesh/consensus'
import { Prng } from '@gradmesh/core'
import { type Epochs, oneEpoch } from './epochs.ts'
import { healedAt } from './shrink.ts'
import { keyOf } from './signature.ts'
import type { Adversary } from './types.ts'

export interface Partition {
  readonly startMs: number
  readonly endMs: number
  /** The side of each place in the list of nodes; with `oneWay` only what goes from true to false is lost. */
  readonly side: readonly boolean[]
  readonly oneWay: boolean
  /** A node that both sides can talk to. */
  readonly bridge: number | null
}

/** At `atMs` the fuse is lit; the node crashes at its `effects`-th point from there. */
export interface Crash {
  readonly atMs: number
  readonly place: number
  readonly effects: number
}

export interface Pause {
  readonly startMs: number
  readonly endMs: number
  readonly place: number
}

export interface Schedule {
  readonly seed: number
  /** Of the first epoch. */
  readonly validators: readonly Validator[]
  readonly epochs: Epochs
  /** Null: everybody is honest. */
  readonly adversary: Adversary | null
  readonly liar: number | null
  readonly roundDeadlineMs: number
  readonly lossPercent: number
  readonly delayMsMax: number
  /** The slowest message after healing, and the highest estimate of it that the rules may make. */
  readonly healedDelayMs: number
  readonly estimateMsMax: number
  /** Everything but the liar is well from here on. */
  readonly healMs: number
  /** Where nobody's votes are withheld or rotten for ever, certificates may be lost: votes sent again remake them. */
  readonly losesCertificates: boolean
  /** A validator below a third of the stake whose disk loses records of votes at a crash, its high-water mark not. */
  readonly rots: number | null
  readonly duplicates: boolean
  readonly skews: boolean
  readonly partitions: readonly Partition[]
  readonly crashes: readonly Crash[]
  readonly pauses: readonly Pause[]
}

export const drawSchedule = (seed: number, adversaries: readonly Adversary[]): Schedule => {
  const prng = new Prng(`schedule ${seed}`)
  const below = (bound: number) => prng.below(Math.max(1, bound))
  const size = 4 + prng.below(4)
  const validators = Array.from({ length: size }, (_, i) => ({
    key: keyOf(i),
    stake: BigInt(1 + prng.below(10))
  }))
  const light = lightest(validators)
  const suspect = light.length === 0 ? null : light[prng.oneIn(2) ? 0 : prng.below(light.length)]!
  const adversary = suspect === null || prng.oneIn(5) ? null : prng.pick(adversaries)
  const places = size + (adversary?.twin ? 1 : 0)
  const healMs = 800 + prng.below(2_500)
  const losesCertificates = adversary === null && prng.oneIn(2)
  const crash = (place: number, atMs = below(healMs)): Crash => ({ atMs, place, effects: 1 + below(12) })
  const all = Array.from({ length: places }, (_, place) => place)
  // So slow a network that nothing is final until timeouts have grown.
  const slow = prng.oneIn(8)
  const crashes = Array.from({ length: below(5) }, () => crash(prng.pick(all)))
  // A power cut: everybody goes within a few effects.
  if (losesCertificates || prng.oneIn(4)) {
    const atMs = below(healMs)
    crashes.push(...all.map(place => crash(place, atMs)))
  }
  return {
    seed,
    validators,
    epochs: drawEpochs(seed, validators, suspect),
    adversary,
    liar: adversary === null ? null : suspect,
    roundDeadlineMs: prng.pick([0, 100, 400]),
    lossPercent: prng.pick([0, 5, 15, 30]),
    delayMsMax: prng.pick([10, 40, 150]),
    healedDelayMs: slow ? 250 : 30,
    estimateMsMax: slow ? 60 : 400,
    healMs,
    ...rotOrLoss(losesCertificates, adversary === null && prng.oneIn(2) ? suspect : null),
    duplicates: true,
    skews: true,
    partitions: Array.from({ length: below(3) }, () => {
      const startMs = below(healMs)
      return {
        startMs,
        endMs: startMs + 100 + below(1_500),
        side: all.map(() => prng.oneIn(2)),
        oneWay: prng.oneIn(3),
        bridge: prng.oneIn(3) ? prng.pick(all) : null
      }
    }),
    crashes,
    pauses: Array.from({ length: below(3) }, () => {
      const startMs = below(healMs)
      return { startMs, endMs: startMs + 50 + below(1_000), place: prng.pick(all) }
    })
  }
}

/** Which schedules have short epochs. */
const EPOCHS_EVERY = 11
const EPOCHS_THAT = 5

/** Drawn apart. Who may lie or lose votes has less than a third of the stake in every epoch. */
const drawEpochs = (seed: number, validators: readonly Validator[], suspect: number | null): Epochs => {
  if (seed % EPOCHS_EVERY !== EPOCHS_THAT) return oneEpoch(validators)
  const prng = new Prng(`epochs ${seed}`)
  const drawn = (): Validator[] => {
    const stakes = validators.map(() => BigInt(1 + prng.below(10)))
    const isLight =
      suspect === null ||
      lightest(validators.map((each, i) => ({ ...each, stake: stakes[i]! }))).includes(suspect)
    return validators.map(({ key }, i) => ({ key, stake: isLight || i !== suspect ? stakes[i]! : 1n }))
  }
  return { rounds: 2 + prng.below(2), sets: [validators, drawn(), drawn()] }
}

/** Lost certificates and rotten votes together can leave a slot open for good: one of the two at a time. */
const rotOrLoss = (loses: boolean, rots: number | null): Pick<Schedule, 'losesCertificates' | 'rots'> => ({
  losesCertificates: loses && rots === null,
  rots
})

/** Everybody with less than a third of the stake, heavy ones first: they can do the most harm. */
const lightest = (validators: readonly Validator[]): number[] => {
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n)
  return validators
    .map(({ stake }, index) => ({ stake, index }))
    .filter(({ stake }) => 3n * stake < total)
    .sort((a, b) => Number(b.stake - a.stake) || a.index - b.index)
    .map(({ index }) => index)
}

const LISTS = ['partition', 'crash', 'pause'] as const

/** The names of all faults that this schedule has. */
export const faultsOf = (schedule: Schedule): string[] => [
  ...(schedule.adversary === null ? [] : ['adversary']),
  ...(schedule.lossPercent === 0 ? [] : ['loss']),
  ...(schedule.rots === null ? [] : ['rot']),
  ...(schedule.losesCertificates ? ['lost-certificates'] : []),
  ...(schedule.duplicates ? ['duplicates'] : []),
  ...(schedule.skews ? ['skew'] : []),
  ...(schedule.epochs.sets.length === 1 ? [] : ['epochs']),
  ...schedule.partitions.map((_, i) => `${LISTS[0]}:${i}`),
  ...schedule.crashes.map((_, i) => `${LISTS[1]}:${i}`),
  ...schedule.pauses.map((_, i) => `${LISTS[2]}:${i}`)
]

/** The schedule less the faults that are named. */
export const without = (schedule: Schedule, names: Iterable<string>): Schedule => {
  const left = new Set(names)
  const keep = (list: (typeof LISTS)[number]) => (_: unknown, i: number) => !left.has(`${list}:${i}`)
  const honest = left.has('adversary')
  return {
    ...schedule,
    adversary: honest ? null : schedule.adversary,
    liar: honest ? null : schedule.liar,
    lossPercent: left.has('loss') ? 0 : schedule.lossPercent,
    rots: left.has('rot') ? null : schedule.rots,
    epochs: left.has('epochs') ? oneEpoch(schedule.validators) : schedule.epochs,
    losesCertificates: schedule.losesCertificates && !left.has('lost-certificates'),
    duplicates: schedule.duplicates && !left.has('duplicates'),
    skews: schedule.skews && !left.has('skew'),
    partitions: schedule.partitions.filter(keep('partition')),
    healMs: healedAt(schedule.healMs, left),
    crashes: schedule.crashes.filter(keep('crash')),
    pauses: schedule.pauses.filter(keep('pause'))
  }
}
