/**
 * What evidence costs. One who signed two contradicting messages may have been careless: 5 % of the
 * stake. Many at once are an attack: three times the slashed share of all stake, so a third together lose
 * everything. The window is the epoch, which is the whole run while there is one. A validator is
 * slashed once. All of it is burnt.
 */
import { assert, equalBytes, type Fault, fault } from '@gradmesh/core'
import { type Digest, type Evidence, verifyEvidence } from '@gradmesh/wire'
import type { LedgerFault } from './faults.ts'
import type { Accounts, ValidatorAccount } from './types.ts'

interface Case {
  readonly accounts: Accounts
  readonly evidence: readonly Evidence[]
  readonly chainId: Digest
}

/**
 * Indices of the validators convicted, in the evidence's order.
 * Faults: LEDGER_EVIDENCE (it proves nothing; the detail says why), LEDGER_EVIDENCE_STAKE (its author has
 * no stake), LEDGER_EVIDENCE_REPEATED (slashed already, or twice in this list).
 */
export const convict = ({ accounts, evidence, chainId }: Case): number[] | Fault<LedgerFault> => {
  const validatorKeys = accounts.validators.map(({ key }) => key)
  const trainerKeys = accounts.trainers.map(({ key }) => key)
  const convicted: number[] = []
  for (const [i, item] of evidence.entries()) {
    const offender = verifyEvidence(item, validatorKeys, trainerKeys, undefined, chainId)
    if ('fault' in offender) return fault('LEDGER_EVIDENCE', `evidence ${i}: ${offender.fault}`)
    const index = validatorKeys.findIndex(key => equalBytes(key, offender.key))
    if (index === -1) return fault('LEDGER_EVIDENCE_STAKE', `evidence ${i}`)
    if (accounts.validators[index]!.slashed > 0n || convicted.includes(index)) {
      return fault('LEDGER_EVIDENCE_REPEATED', `evidence ${i}`)
    }
    convicted.push(index)
  }
  return convicted
}

/** What a leader may put into its block: the valid ones, in order, `max` at most. */
export const selectEvidence = ({ accounts, evidence, chainId }: Case, max: number): Evidence[] => {
  const selected: Evidence[] = []
  for (const item of evidence) {
    if (selected.length === max) break
    if (Array.isArray(convict({ accounts, evidence: [...selected, item], chainId }))) selected.push(item)
  }
  return selected
}

/** max(5 %, min(100 %, 3 * slashed / all)) of the stake, rounded up; `slashed` includes the convict. */
export const slashOf = (stake: bigint, slashed: bigint, all: bigint): bigint => {
  const careless = ceilDivide(5n * stake, 100n)
  const joint = ceilDivide(3n * slashed * stake, all)
  const amount = careless > joint ? careless : joint
  return amount > stake ? stake : amount
}

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

/** Slashes the convicted one after the other, and tells how much is burnt. */
export const slash = (
  validators: readonly ValidatorAccount[],
  convicted: readonly number[]
): { readonly validators: readonly ValidatorAccount[]; readonly burnt: bigint } => {
  const changed = [...validators]
  const before = ({ stake, slashed }: ValidatorAccount): bigint => stake + slashed
  const all = validators.reduce((sum, validator) => sum + before(validator), 0n)
  let slashedStake = validators.reduce((sum, v) => (v.slashed > 0n ? sum + before(v) : sum), 0n)
  let burnt = 0n
  for (const index of convicted) {
    const validator = changed[index]!
    assert(validator.slashed === 0n, 'a validator is slashed once')
    slashedStake += validator.stake
    const amount = slashOf(validator.stake, slashedStake, all)
    changed[index] = { ...validator, stake: validator.stake - amount, slashed: amount }
    burnt += amount
  }
  return { validators: changed, burnt }
}
