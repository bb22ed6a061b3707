/**
 * What one seed plans before a run begins: who takes part, what their network and machines are like, and each
 * fault as an entry that can be left out by its name. Leaving out one after the other for as long as the run
 * still fails is how a failure is made small.
 */
import { Prng } from '@gradmesh/core'
import type { MeshAdversary } from '../../adversaries/mesh/types.ts'
import { healedAt } from '../shrink.ts'
import { type Epochs, LONG_EPOCH, withStaking } from './staking.ts'

export type Fault =
  /** What is sent from one side to the other is lost; `oneWay`: only from true to false. The bridge hears and reaches all. */
  | {
      readonly kind: 'partition'
      readonly atMs: number
      readonly endMs: number
      readonly side: readonly boolean[]
      readonly oneWay: boolean
      readonly bridge: number | null
    }
  /** The power goes at the peer's `effects`-th effect from then on; `disk` is what it finds when it comes back. */
  | {
      readonly kind: 'crash'
      readonly atMs: number
      readonly peer: number
      readonly effects: number
      readonly downMs: number
      readonly disk: 'as-synced' | 'flipped-bit' | 'flipped-safety' | 'older-chain' | 'older-safety'
    }
  /** The process is told to end, and started again. */
  | { readonly kind: 'stop'; readonly atMs: number; readonly peer: number; readonly downMs: number }
  /** The process stands still; its clock does not. */
  | { readonly kind: 'pause'; readonly atMs: number; readonly endMs: number; readonly peer: number }
  /** No space left on the disk. */
  | { readonly kind: 'full'; readonly atMs: number; readonly endMs: number; readonly peer: number }
  /** The next write to one of the databases is made, and reported as failed. */
  | {
      readonly kind: 'lost-answer'
      readonly atMs: number
      readonly peer: number
      readonly database: 'chain' | 'safety'
    }
  /** The time of day is set; timers do not mind. */
  | { readonly kind: 'clock'; readonly atMs: number; readonly peer: number; readonly byMs: number }
  /** The peer's operator signs an order about its stake, over `quarters` of what is possible. */
  | {
      readonly kind: 'order'
      readonly atMs: number
      readonly peer: number
      readonly order: 'bond' | 'unbond' | 'leave'
      readonly quarters: number
    }
  /** A stranger's registrations, more than fit. */
  | { readonly kind: 'flood'; readonly atMs: number; readonly count: number }

export interface Plan {
  readonly seed: number
  readonly stakes: readonly bigint[]
  /** Peers without stake, after the validators in the list of peers: they come later and register. */
  readonly followers: number
  /** Ed25519 instead of the keyed hash. */
  readonly realSignatures: boolean
  readonly adversary: MeshAdversary | null
  /** A validator with less than a third of the stake who plays it. */
  readonly liar: number | null
  readonly roundDeadlineMs: number
  readonly checkpointEvery: number
  readonly epochs: Epochs
  readonly delayMs: readonly [min: number, max: number]
  readonly lossPercent: number
  readonly duplicatePercent: number
  /** A synced write takes up to so long. */
  readonly diskMsMax: number
  /** Who is connected to whom: each peer to the next ones on a ring. */
  readonly reach: number
  readonly clocks: readonly { readonly offsetMs: number; readonly ratePercent: number }[]
  readonly startMs: readonly number[]
  /** From here on everything is well but the liar. */
  readonly healMs: number
  readonly faults: readonly Fault[]
}

/** One schedule in so many runs with Ed25519. */
const REAL_SIGNATURES_ONE_IN = 100
const FLOOD_ONE_IN = 150
/** A little more than a pool of transactions holds. */
const FLOOD = 1100

export const drawPlan = (seed: number, adversaries: readonly MeshAdversary[]): Plan => {
  const prng = new Prng(`mesh ${seed}`)
  const below = (bound: number): number => prng.below(Math.max(1, bound))
  const size = 4 + (prng.oneIn(2) ? 0 : prng.below(3))
  const stakes = Array.from({ length: size }, () => BigInt(1 + prng.below(10)))
  const light = lightest(stakes)
  const suspect = light.length === 0 ? null : light[prng.oneIn(2) ? 0 : below(light.length)]!
  const adversary =
    suspect === null || adversaries.length === 0 || prng.oneIn(3) ? null : prng.pick(adversaries)
  const followers = size < 6 && prng.oneIn(3) ? 1 : 0
  const peers = size + followers
  const roundDeadlineMs = prng.pick([200, 500, 1500])
  // Time for about as many blocks as a schedule has; now and then for all that waits longest to be tried again.
  const healMs = 2_000 + below(prng.oneIn(8) ? 18_000 : 8 * (roundDeadlineMs + 100))
  const someone = (): number => below(peers)
  const faults: Fault[] = []
  const spans = (count: number, longestMs: number, make: (atMs: number, endMs: number) => Fault): void => {
    for (let i = 0; i < count; i++) {
      const atMs = below(healMs)
      faults.push(make(atMs, Math.min(healMs, atMs + 50 + below(longestMs))))
    }
  }
  spans(below(3), 10_000, (atMs, endMs) => ({
    kind: 'partition',
    atMs,
    endMs,
    side: Array.from({ length: peers }, () => prng.oneIn(2)),
    oneWay: prng.oneIn(3),
    bridge: prng.oneIn(3) ? someone() : null
  }))
  // A peer whose record of votes is gone never signs again: it must not be needed.
  const mayLoseSafety = adversary === null ? suspect : null
  const crash = (peer: number, atMs: number): Fault =>
    ({
      kind: 'crash',
      atMs,
      peer,
      effects: below(12),
      downMs: 20 + below(4_000),
      disk: prng.oneIn(3)
        ? prng.pick([
            'flipped-bit',
            'older-chain',
            ...(peer === mayLoseSafety ? ['older-safety', 'flipped-safety'] : [])
          ] as const)
        : 'as-synced'
    }) as Fault
  for (let i = below(4); i > 0; i--) faults.push(crash(someone(), below(healMs)))
  if (prng.oneIn(6)) {
    const atMs = below(healMs)
    for (let peer = 0; peer < peers; peer++) faults.push({ ...crash(peer, atMs), disk: 'as-synced' } as Fault)
  }
  for (let i = below(3); i > 0; i--)
    faults.push({ kind: 'stop', atMs: below(healMs), peer: someone(), downMs: 10 + below(2_000) })
  spans(below(3), 6_000, (atMs, endMs) => ({ kind: 'pause', atMs, endMs, peer: someone() }))
  spans(prng.oneIn(4) ? 1 : 0, 4_000, (atMs, endMs) => ({ kind: 'full', atMs, endMs, peer: someone() }))
  for (let i = prng.oneIn(4) ? 1 + below(2) : 0; i > 0; i--)
    faults.push({
      kind: 'lost-answer',
      atMs: below(healMs),
      peer: someone(),
      database: prng.pick(['chain', 'safety'])
    })
  for (let i = prng.oneIn(4) ? 1 + below(2) : 0; i > 0; i--)
    faults.push({
      kind: 'clock',
      atMs: below(healMs),
      peer: someone(),
      byMs: prng.pick([-5_000, 5_000, 90_000])
    })
  if (prng.oneIn(FLOOD_ONE_IN)) faults.push({ kind: 'flood', atMs: below(healMs), count: FLOOD })
  const minMs = prng.pick([1, 5, 30])
  return withStaking({
    seed,
    stakes,
    followers,
    realSignatures: prng.oneIn(REAL_SIGNATURES_ONE_IN),
    adversary,
    liar: adversary === null ? null : suspect,
    roundDeadlineMs,
    checkpointEvery: prng.pick([2, 3, 5]),
    epochs: LONG_EPOCH,
    delayMs: [minMs, minMs + prng.pick([5, 40, 150])],
    lossPercent: prng.pick([0, 0, 5, 20]),
    duplicatePercent: prng.pick([0, 0, 10]),
    diskMsMax: prng.pick([0, 0, 15]),
    reach: adversary === null && prng.oneIn(3) ? 1 : peers,
    clocks: Array.from({ length: peers + 1 }, () => ({
      offsetMs: below(100_000),
      ratePercent: 95 + below(11)
    })),
    startMs: Array.from({ length: peers + 1 }, (_, i) =>
      i >= size && i < peers ? below(healMs) : prng.oneIn(5) ? below(4_000) : below(200)
    ),
    healMs,
    faults: faults.sort((a, b) => a.atMs - b.atMs)
  })
}

/** Everybody with less than a third of the stake, heavy ones first: they can do the most harm. */
const lightest = (stakes: readonly bigint[]): number[] => {
  const total = stakes.reduce((sum, stake) => sum + stake, 0n)
  return stakes
    .map((stake, index) => ({ stake, index }))
    .filter(({ stake }) => 3n * stake < total)
    .sort((a, b) => Number(b.stake - a.stake) || a.index - b.index)
    .map(({ index }) => index)
}

/** The names of all that can be left out of this plan. */
export const namesIn = (plan: Plan): string[] => [
  ...plan.faults.map(({ kind }, i) => `${kind}:${i}`),
  ...(plan.adversary === null ? [] : ['adversary']),
  ...(plan.followers === 0 ? [] : ['followers']),
  ...(plan.lossPercent === 0 ? [] : ['loss']),
  ...(plan.duplicatePercent === 0 ? [] : ['duplicates']),
  ...(plan.diskMsMax === 0 ? [] : ['slow-disks']),
  ...(plan.clocks.every(({ ratePercent }) => ratePercent === 100) ? [] : ['skew']),
  ...(plan.reach >= plan.stakes.length ? [] : ['ring']),
  ...(plan.epochs === LONG_EPOCH ? [] : ['epochs']),
  ...(plan.realSignatures ? ['real-signatures'] : [])
]

/** The plan less what is named. What stays keeps its name. */
export const without = (plan: Plan, names: readonly string[]): Plan => {
  const left = new Set(names)
  const healMs = healedAt(plan.healMs, names)
  const size = plan.stakes.length
  const followers = left.has('followers') ? 0 : plan.followers
  const isHere = (peer: number | null): boolean => peer === null || peer < size + followers
  return {
    ...plan,
    followers,
    realSignatures: plan.realSignatures && !left.has('real-signatures'),
    adversary: left.has('adversary') ? null : plan.adversary,
    liar: left.has('adversary') ? null : plan.liar,
    lossPercent: left.has('loss') ? 0 : plan.lossPercent,
    duplicatePercent: left.has('duplicates') ? 0 : plan.duplicatePercent,
    diskMsMax: left.has('slow-disks') ? 0 : plan.diskMsMax,
    clocks: left.has('skew') ? plan.clocks.map(clock => ({ ...clock, ratePercent: 100 })) : plan.clocks,
    epochs: left.has('epochs') ? LONG_EPOCH : plan.epochs,
    reach: left.has('ring') ? size + 1 : plan.reach,
    healMs,
    faults: plan.faults
      .filter(
        (fault, i) =>
          (fault.atMs < healMs || fault.kind === 'order') &&
          !left.has(`${fault.kind}:${i}`) &&
          isHere('peer' in fault ? fault.peer : 'bridge' in fault ? fault.bridge : null)
      )
      .map(fault => ('endMs' in fault ? { ...fault, endMs: Math.min(healMs, fault.endMs) } : fault))
  }
}
