/**
 * What happens between two epochs: money comes free, bonds that no set rests on begin to unbond, and the
 * set after the next is drawn from the bonds. All of it is a function of the accounts alone.
 *
 * The set changes slowly: at most a tenth of the stake enters and a tenth leaves an epoch, shared in
 * proportion, so whoever was away for an epoch still knows nine tenths of those who vote. Two kinds leave at
 * once, since waiting helps nobody: convicts, and validators who attest nothing.
 */
import { compareBytes, sha256, u32, utf8 } from '@gradmesh/core'
import { shareExact } from '@gradmesh/delta'
import { BOUNDS, type Digest, type EpochRules, type PublicKey } from '@gradmesh/wire'
import { stakeOf } from './sets.ts'
import type { Accounts, Due, TrainerAccount, ValidatorSeat, ValidatorSet } from './types.ts'

const SEED = utf8('mesh/v1/leader-seed')
/** Of the stake, what may enter in an epoch, and what may leave. */
const CHURN_PARTS = 10n

/** Whether the block that closes this round is a boundary. */
export const closesEpoch = ({ rounds }: EpochRules, round: number): boolean => (round + 1) % rounds === 0

/** When an epoch begins; never, where no round has such a number. */
export const firstRoundOf = ({ rounds }: EpochRules, epoch: number): number =>
  Math.min(epoch * rounds, BOUNDS.counterMax)

export const epochOf = ({ rounds }: EpochRules, round: number): number => Math.floor(round / rounds)

/** Accounts whose newest round closed their epoch, as the next epoch finds them. */
export const turnEpoch = (accounts: Accounts, rules: EpochRules): Accounts => {
  const epoch = accounts.epoch + 1
  const dismissed = new Set<number>()
  for (const [i, account] of accounts.trainers.entries()) {
    if (account.absent >= rules.absentRounds || isConvict(account, epoch, rules)) dismissed.add(i)
  }
  const freed = accounts.trainers.map((account, i) => {
    const free = release(account, accounts.round)
    return dismissed.has(i) ? { ...free, leaving: free.bond, absent: 0 } : free
  })
  const seats = elect({ before: accounts.next, accounts: freed, dismissed, bondMin: rules.bondMin })
  const next = { leaderSeed: leaderSeed(epoch + 1, accounts.transcriptRoot), seats }
  const resting = restingOn(accounts.next, next)
  const trainers = freed.map((account, i) =>
    beginUnbonding(account, resting.get(i) ?? 0n, firstRoundOf(rules, epoch + rules.unbonding))
  )
  return { ...accounts, epoch, running: accounts.next, next, trainers }
}

/** Known when the epoch before the last ends, so nobody can be chosen for the leaders that it draws. */
const leaderSeed = (epoch: number, transcriptRoot: Digest): Digest => sha256(SEED, u32(epoch), transcriptRoot)

const release = (account: TrainerAccount, round: number): TrainerAccount => {
  const isFree = (due: Due): boolean => due.round <= round
  const dues = [...account.unbonding, ...account.vesting].filter(isFree)
  if (dues.length === 0) return account
  return {
    ...account,
    balance: account.balance + dues.reduce((sum, { amount }) => sum + amount, 0n),
    unbonding: account.unbonding.filter(due => !isFree(due)),
    vesting: account.vesting.filter(due => !isFree(due))
  }
}

/** Convicted so lately that its bond of that time may still be slashed. Until then it gets no seat. */
export const isConvict = (
  { convicted }: TrainerAccount,
  epoch: number,
  { unbonding }: Pick<EpochRules, 'unbonding'>
): boolean => convicted !== null && epoch <= convicted.epoch + unbonding

/** The greatest weight that each trainer has in one of these sets, by registry index. */
const restingOn = (...sets: readonly ValidatorSet[]): Map<number, bigint> => {
  const resting = new Map<number, bigint>()
  for (const { seats } of sets) {
    for (const { trainer, stake } of seats) {
      if (stake > (resting.get(trainer) ?? 0n)) resting.set(trainer, stake)
    }
  }
  return resting
}

const beginUnbonding = (account: TrainerAccount, resting: bigint, round: number): TrainerAccount => {
  const spare = account.bond - resting
  const amount = spare < account.leaving ? spare : account.leaving
  if (amount <= 0n) return account
  return {
    ...account,
    bond: account.bond - amount,
    leaving: account.leaving - amount,
    unbonding: [...account.unbonding, { round, amount }]
  }
}

export interface Election {
  /** The set that the new one follows. */
  readonly before: ValidatorSet
  readonly accounts: readonly TrainerAccount[]
  /** Registry indices of those that get no seat, and lose theirs at once. */
  readonly dismissed: ReadonlySet<number>
  readonly bondMin: bigint
}

interface Claim {
  readonly key: PublicKey
  readonly trainer: number
  readonly before: bigint
  readonly wanted: bigint
}

/** By descending weight, then by key. Never empty: where nobody is left to vote, those before go on. */
export const elect = (election: Election): readonly ValidatorSeat[] => {
  const { before, dismissed } = election
  const claims = claimsOf(election)
  const total = stakeOf(before)
  const budget = total < CHURN_PARTS ? 1n : total / CHURN_PARTS
  const entering = shareWithin(
    budget,
    claims.map(({ before, wanted }) => positive(wanted - before))
  )
  const going = shareWithin(
    budget,
    claims.map(({ trainer, before, wanted }) => (dismissed.has(trainer) ? 0n : positive(before - wanted)))
  )
  const seats = claims
    .map(({ key, trainer, before }, i) => ({
      key,
      stake: dismissed.has(trainer) ? 0n : before + entering[i]! - going[i]!,
      trainer
    }))
    .filter(({ stake }) => stake > 0n)
    .sort(byStake)
    .slice(0, BOUNDS.validatorsMax)
  return seats.length === 0 ? before.seats : seats
}

/** Of all that have a bond or a seat, in the order of keys: what they weigh now, and what they want to. */
const claimsOf = ({ before, accounts, dismissed, bondMin }: Election): Claim[] => {
  const seats = new Map(before.seats.map(seat => [seat.trainer, seat.stake]))
  const candidates = accounts
    .map(({ key, bond, leaving }, trainer) => ({ key, stake: bond - leaving, trainer }))
    .filter(({ stake, trainer }) => stake >= bondMin && !dismissed.has(trainer))
    .sort(byStake)
    .slice(0, BOUNDS.validatorsMax)
  const wanted = new Map(candidates.map(({ trainer, stake }) => [trainer, stake]))
  return [...new Set([...seats.keys(), ...wanted.keys()])]
    .map(trainer => ({
      key: accounts[trainer]!.key,
      trainer,
      before: seats.get(trainer) ?? 0n,
      wanted: wanted.get(trainer) ?? 0n
    }))
    .sort((a, b) => compareBytes(a.key, b.key))
}

const byStake = (a: Pick<ValidatorSeat, 'key' | 'stake'>, b: Pick<ValidatorSeat, 'key' | 'stake'>): number =>
  a.stake === b.stake ? compareBytes(a.key, b.key) : a.stake > b.stake ? -1 : 1

const positive = (amount: bigint): bigint => (amount > 0n ? amount : 0n)

const shareWithin = (budget: bigint, parts: readonly bigint[]): readonly bigint[] =>
  parts.reduce((sum, part) => sum + part, 0n) <= budget ? parts : shareExact(budget, parts)
