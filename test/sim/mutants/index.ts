import { diskOrderMutants } from './disk-order.ts'
import { durabilityMutants } from './durability.ts'
import { epochMutants } from './epochs.ts'
import { ledgerMutants } from './ledger.ts'
import { ruleMutants } from './rules.ts'
import type { Mutant } from './types.ts'

export const mutants: readonly Mutant[] = [
  ...ruleMutants,
  ...durabilityMutants,
  ...diskOrderMutants,
  ...ledgerMutants,
  ...epochMutants
]
