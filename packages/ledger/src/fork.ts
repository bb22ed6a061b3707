/**
 * A mesh that starts anew. Where a third of the stake or more is gone for good, the rest can never make a block final
 * again, and no rule of the mesh can change that: its operators agree, outside of it, on who is left. What they agree
 * on is another mesh. Its genesis names the parent and the state that it takes over, so no vote, block, delta or
 * transaction counts in both. Everybody who forks the same state for the same survivors gets the same genesis.
 *
 * Weights, samples and money go on as they are; rounds, heights and epochs begin at 0. Money that would have come
 * free later comes free as much later, to the next whole epoch. Validators that are not among the survivors are
 * treated as having left: their bonds unbond, unslashed.
 */
import { assert, concatBytes, equalBytes, type Fault, fault, sha256, toHex, u32, utf8 } from '@gradmesh/core'
import { BOUNDS, chainIdOf, type EpochRules, type Genesis, isQuorum, type PublicKey } from '@gradmesh/wire'
import { isConvict } from './election.ts'
import type { LedgerFault } from './faults.ts'
import { stateRoot } from './roots.ts'
import { genesisSets, stakeOf } from './sets.ts'
import type { Accounts, Due, LedgerState, TrainerAccount, ValidatorSeat } from './types.ts'

const SEED = utf8('mesh/v1/fork')

export interface Forked {
  readonly genesis: Genesis
  /** Of the state that it begins with; the weights are the parent's. */
  readonly accounts: Accounts
  /** Those of the parent's set that are not in it any more. */
  readonly lost: readonly ValidatorSeat[]
}

/**
 * @param height of the newest final block of the parent, after which the state is.
 * @param survivors in any order. Faults: LEDGER_FORK_SURVIVOR, LEDGER_FORK_QUORUM, LEDGER_FORK_ENDED.
 */
export const fork = (
  parent: { readonly genesis: Genesis; readonly height: number; readonly state: LedgerState },
  survivors: readonly PublicKey[]
): Forked | Fault<LedgerFault> => {
  const { genesis, height, state } = parent
  const { accounts } = state
  const { rounds } = genesis.end
  if (rounds !== null && rounds <= accounts.round) return fault('LEDGER_FORK_ENDED')
  const { seats } = accounts.running
  const wrong = checkSurvivors(accounts, survivors, genesis.epochs)
  if (wrong !== null) return wrong
  const remaining = seats.filter(({ key }) => survivors.some(survivor => equalBytes(survivor, key)))
  const lost = seats.filter(seat => !remaining.includes(seat))
  const left = remaining.reduce((sum, { stake }) => sum + stake, 0n)
  if (isQuorum(left, stakeOf(accounts.running)))
    return fault('LEDGER_FORK_QUORUM', `${left} of ${stakeOf(accounts.running)}`)

  const validators = [...remaining]
    .sort((a, b) => a.trainer - b.trainer)
    .map(seat => ({ key: seat.key, stake: weightOf(seat, accounts) }))
  const chainId = chainIdOf(genesis)
  const keys = concatBytes(...validators.map(({ key }) => key))
  const child = {
    ...genesis,
    seed: sha256(SEED, chainId, u32(height), state.root, keys),
    training: {
      ...genesis.training,
      warmupRounds: Math.max(0, genesis.training.warmupRounds - accounts.round)
    },
    end: { rounds: rounds === null ? null : rounds - accounts.round },
    validators
  }
  const begun = begin(accounts, child, genesis.epochs)
  const startRoot = stateRoot(begun, state.leaves)
  return {
    genesis: { ...child, parent: { chainId, height, stateRoot: state.root, startRoot } },
    accounts: begun,
    lost
  }
}

const checkSurvivors = (
  accounts: Accounts,
  survivors: readonly PublicKey[],
  { bondMin }: EpochRules
): Fault<LedgerFault> | null => {
  const wrong = (detail: string) => fault('LEDGER_FORK_SURVIVOR', detail)
  const named = new Set<string>()
  for (const survivor of survivors) {
    const key = toHex(survivor)
    if (named.has(key)) return wrong(`${key} is named twice`)
    named.add(key)
    const seat = accounts.running.seats.find(each => equalBytes(each.key, survivor))
    if (seat === undefined) return wrong(`${key} does not vote in epoch ${accounts.epoch}`)
    const weight = weightOf(seat, accounts)
    if (weight < bondMin) return wrong(`${key} has ${weight} at stake, the least is ${bondMin}`)
  }
  return survivors.length === 0 ? wrong('none is named') : null
}

/** What it votes with: its seat, or the bond that slashing has left of it. */
const weightOf = ({ stake, trainer }: ValidatorSeat, { trainers }: Accounts): bigint => {
  const { bond } = trainers[trainer]!
  return bond < stake ? bond : stake
}

const begin = (parent: Accounts, genesis: Genesis, rules: EpochRules): Accounts => {
  const isSurvivor = new Set(genesis.validators.map(({ key }) => toHex(key)))
  const seated = new Set([...parent.running.seats, ...parent.next.seats].map(({ trainer }) => trainer))
  const accounts = parent.trainers.map((account, i) => {
    const hasLeft = seated.has(i) && !isSurvivor.has(toHex(account.key))
    return rebased(hasLeft ? { ...account, leaving: account.bond } : account, parent, rules)
  })
  const survivors = accounts.filter(({ key }) => isSurvivor.has(toHex(key)))
  assert(survivors.length === genesis.validators.length, 'survivors stand once in the registry')
  return {
    ...genesisSets(genesis),
    height: 0,
    round: 0,
    cursor: parent.cursor,
    transcriptRoot: parent.transcriptRoot,
    // As in any genesis: its validators come first, in its order, which is that of the parent's registry.
    trainers: [...survivors, ...accounts.filter(({ key }) => !isSurvivor.has(toHex(key)))],
    minted: parent.minted,
    burnt: parent.burnt
  }
}

const rebased = (account: TrainerAccount, { round, epoch }: Accounts, rules: EpochRules): TrainerAccount => ({
  ...account,
  since: 0,
  lastRound: -1,
  absent: 0,
  unbonding: account.unbonding.map(due => later(due, round, rules)),
  vesting: account.vesting.map(due => later(due, round, rules)),
  convicted: isConvict(account, epoch, rules) ? { epoch: 0, stake: account.convicted!.stake } : null
})

const later = (due: Due, round: number, { rounds }: EpochRules): Due => {
  if (due.round === BOUNDS.counterMax) return due
  return { ...due, round: Math.ceil(Math.max(0, due.round - round) / rounds) * rounds }
}
