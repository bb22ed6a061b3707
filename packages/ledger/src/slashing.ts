/**
 * What evidence costs. One who signed two contradicting messages may have been careless: 5 % of what it has
 * at stake, bonded or unbonding. Many in one window are an attack: three times their share of all stake, so a
 * third together lose everything. Half is burnt, half goes to the validator whose block brings the evidence.
 *
 * The window is `epochs.unbonding` epochs. Older evidence convicts nobody, a convict is not convicted again
 * within it, and gets its bond back only after it: so no offence is punished twice, and none for which the
 * stake is gone.
 */
import { equalBytes, type Fault, fault } from '@gradmesh/core'
import {
  accusedOf,
  type Digest,
  type EpochRules,
  type Evidence,
  type List,
  type PublicKey,
  verifyEvidence
} from '@gradmesh/wire'
import { sumOf } from './accounts.ts'
import { epochOf, isConvict } from './election.ts'
import type { LedgerFault } from './faults.ts'
import { stakeOf } from './sets.ts'
import type { Accounts, Due, TrainerAccount } from './types.ts'

interface Case {
  readonly accounts: Accounts
  readonly evidence: List<Evidence>
  readonly chainId: Digest
  readonly epochs: EpochRules
}

/**
 * Registry indices of those convicted, in the evidence's order.
 * Faults: LEDGER_EVIDENCE (it proves nothing; the detail says why), LEDGER_EVIDENCE_OLD, LEDGER_EVIDENCE_STAKE
 * (its author has nothing at stake), LEDGER_EVIDENCE_REPEATED (convicted in this window, or twice in this list).
 */
export const convict = ({ accounts, evidence, ...mesh }: Case): number[] | Fault<LedgerFault> => {
  const convicted: number[] = []
  for (const [i, item] of [...evidence].entries()) {
    const index = judge(item, accounts, mesh)
    if (typeof index !== 'number') return fault(index.fault, `evidence ${i}: ${index.detail ?? ''}`)
    if (convicted.includes(index)) return fault('LEDGER_EVIDENCE_REPEATED', `evidence ${i}`)
    convicted.push(index)
  }
  return convicted
}

/** The signatures last: they cost most. */
const judge = (
  evidence: Evidence,
  { trainers, epoch }: Accounts,
  { chainId, epochs }: Pick<Case, 'chainId' | 'epochs'>
): number | Fault<LedgerFault> => {
  const key = accusedOf(evidence)
  const index = trainers.findIndex(trainer => equalBytes(trainer.key, key))
  const account = trainers[index]
  if (account === undefined || atStake(account) === 0n) return fault('LEDGER_EVIDENCE_STAKE')
  if (isConvict(account, epoch, epochs)) return fault('LEDGER_EVIDENCE_REPEATED')
  const offence = verifyEvidence(evidence, chainId)
  if ('fault' in offence) return fault('LEDGER_EVIDENCE', offence.fault)
  const at = 'epoch' in offence.at ? offence.at.epoch : epochOf(epochs, offence.at.round)
  return at + epochs.unbonding < epoch ? fault('LEDGER_EVIDENCE_OLD', `of epoch ${at}`) : index
}

/** What a leader may put into its block: the valid ones, in order, `max` at most. */
export const selectEvidence = ({ evidence, ...situation }: Case, max: number): Evidence[] => {
  const selected: Evidence[] = []
  const accused = new Set<number>()
  for (const item of evidence) {
    if (selected.length === max) break
    const convicted = convict({ ...situation, evidence: [item] })
    if ('fault' in convicted || accused.has(convicted[0]!)) continue
    accused.add(convicted[0]!)
    selected.push(item)
  }
  return selected
}

/** What evidence can take. */
export const atStake = ({ bond, unbonding }: TrainerAccount): bigint => bond + sumOf(unbonding)

/** max(5 %, min(100 %, 3 * slashed / all)) of the stake, rounded up; `slashed` includes the convict. */
export const slashOf = (stake: bigint, slashed: bigint, all: bigint): bigint => {
  const careless = ceilDivide(5n * stake, 100n)
  const joint = ceilDivide(3n * slashed * stake, all)
  const amount = careless > joint ? careless : joint
  return amount > stake ? stake : amount
}

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

/** Slashes the convicted one after the other. `reporter`: who gets half, unless it reports itself. */
export const slash = (
  accounts: Accounts,
  convicted: readonly number[],
  reporter: PublicKey | null,
  rules: Pick<EpochRules, 'unbonding'>
): Accounts => {
  const { epoch } = accounts
  const trainers = [...accounts.trainers]
  const all = stakeOf(accounts.running)
  const isRecent = (account: TrainerAccount): boolean => isConvict(account, epoch, rules)
  let inWindow = trainers.reduce((sum, a) => (isRecent(a) ? sum + a.convicted!.stake : sum), 0n)
  let burnt = 0n
  let reported = 0n
  for (const index of convicted) {
    const account = trainers[index]!
    const stake = atStake(account)
    inWindow += stake
    const amount = slashOf(stake, inWindow, all)
    const isOwn = reporter !== null && equalBytes(reporter, account.key)
    const reward = reporter === null || isOwn ? 0n : amount / 2n
    reported += reward
    burnt += amount - reward
    trainers[index] = { ...takeFrom(account, amount), convicted: { epoch, stake } }
  }
  const payee = reporter === null ? -1 : trainers.findIndex(({ key }) => equalBytes(key, reporter))
  if (payee !== -1) trainers[payee] = { ...trainers[payee]!, balance: trainers[payee]!.balance + reported }
  return { ...accounts, trainers, burnt: accounts.burnt + burnt }
}

/** The bond first, then what is unbonding; what stays of the bond leaves. */
const takeFrom = (account: TrainerAccount, amount: bigint): TrainerAccount => {
  const fromBond = amount < account.bond ? amount : account.bond
  const bond = account.bond - fromBond
  let rest = amount - fromBond
  const unbonding: Due[] = []
  for (const due of account.unbonding) {
    const taken = rest < due.amount ? rest : due.amount
    rest -= taken
    if (due.amount > taken) unbonding.push({ ...due, amount: due.amount - taken })
  }
  return { ...account, bond, leaving: bond, unbonding, slashed: account.slashed + amount }
}
