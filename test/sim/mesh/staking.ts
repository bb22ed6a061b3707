/**
 * What a seed plans for the sets of validators: short epochs, orders about stake that operators sign, a newcomer that
 * comes late, a validator that is away until its seat is taken from it. Drawn apart from the rest of the plan.
 *
 * A liar has less than a third of the stake, and must keep to that. So beside one the honest only add stake, and
 * nobody is dropped for being absent; and where stake goes, nobody's record of votes is lost, since who may never sign
 * again must not be needed.
 */
import { Prng } from '@gradmesh/core'
import type { EpochRules } from '@gradmesh/wire'
import type { Fault, Plan } from './plan.ts'

export interface Epochs extends EpochRules {
  /** Epochs that end before the schedule does. */
  readonly turns: number
}

/** One that does not end within a schedule. */
export const LONG_EPOCH: Epochs = { rounds: 256, bondMin: 1n, unbonding: 4, absentRounds: 256, turns: 0 }

/** Which seeds have short epochs. */
const EVERY = 7
const THAT = 5

export const withStaking = (plan: Plan): Plan => {
  if (plan.seed % EVERY !== THAT) return plan
  const prng = new Prng(`staking ${plan.seed}`)
  const size = plan.stakes.length
  const isHonest = plan.adversary === null
  const isDropping = isHonest && prng.oneIn(2)
  const grown = plan.followers === 0 && size < 6 && prng.oneIn(2) ? withNewcomer(plan, prng) : plan
  const peers = size + grown.followers
  const epochs: Epochs = {
    rounds: 2 + prng.below(2),
    bondMin: 1n,
    unbonding: prng.pick([1, 1, 2, 4]),
    absentRounds: isDropping ? 2 + prng.below(3) : LONG_EPOCH.absentRounds,
    turns: 4 + prng.below(4)
  }
  const spanMs = epochs.turns * epochs.rounds * grown.roundDeadlineMs
  const orders = Array.from({ length: prng.below(4) }, (): Fault => {
    const peer = prng.below(peers)
    const kinds = isHonest
      ? (['bond', 'unbond', 'leave'] as const)
      : peer === plan.liar
        ? (['unbond', 'leave'] as const)
        : (['bond'] as const)
    return {
      kind: 'order',
      atMs: prng.below(spanMs),
      peer,
      order: prng.pick(kinds),
      quarters: 1 + prng.below(4)
    }
  })
  // A newcomer's first seat is the longest way: rewards come free, are bonded, and count two epochs later.
  if (grown.followers > 0)
    orders.push({ kind: 'order', atMs: grown.startMs[size]!, peer: size, order: 'bond', quarters: 4 })
  const away: Fault[] = isDropping
    ? [
        {
          kind: 'stop',
          atMs: prng.below(grown.healMs),
          peer: prng.below(size),
          downMs: (epochs.absentRounds + 2 * epochs.rounds) * (grown.roundDeadlineMs + 400)
        }
      ]
    : []
  return {
    ...grown,
    epochs,
    faults: [...grown.faults.map(keepingRecords), ...orders, ...away].sort((a, b) => a.atMs - b.atMs)
  }
}

/** One more peer without stake. It takes the place before a second body of the liar. */
const withNewcomer = (plan: Plan, prng: Prng): Plan => {
  const at = plan.stakes.length
  const clock = { offsetMs: prng.below(100_000), ratePercent: 95 + prng.below(11) }
  return {
    ...plan,
    followers: 1,
    clocks: plan.clocks.toSpliced(at, 0, clock),
    startMs: plan.startMs.toSpliced(at, 0, prng.below(2 * plan.healMs)),
    reach: plan.reach >= at ? at + 1 : plan.reach
  }
}

const keepingRecords = (fault: Fault): Fault =>
  fault.kind === 'crash' && fault.disk.endsWith('-safety') ? { ...fault, disk: 'as-synced' } : fault
