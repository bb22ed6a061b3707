/** What the simulation of the vote cannot see: money, evidence and what a block names, judged by their own tests. */
import type { Mutant } from './types.ts'

const by =
  (judge: Mutant['judge']) =>
  (name: string, file: string, find: string, put: string): Mutant => ({
    name,
    judge,
    edits: [{ file, find, put }]
  })

const applied = by('packages/ledger/test/apply.ts')
const validated = by('packages/ledger/test/validate.ts')

export const ledgerMutants: readonly Mutant[] = [
  applied(
    'rewards-not-conserved',
    'packages/ledger/src/apply.ts',
    'const amount = reward + (isOpen',
    'const amount = reward + 1n + (isOpen'
  ),
  applied(
    'minted-not-counted',
    'packages/ledger/src/apply.ts',
    'minted: accounts.minted + rewarded',
    'minted: accounts.minted + (rewarded - rewarded)'
  ),
  applied(
    'slash-of-the-wrong-one',
    'packages/ledger/src/slashing.ts',
    '    convicted.push(index)',
    '    convicted.push((index + 1) % accounts.trainers.length)'
  ),
  applied(
    'slashed-stake-not-burnt',
    'packages/ledger/src/slashing.ts',
    '    burnt += amount',
    '    burnt += 0n * amount'
  ),
  applied(
    'cursor-not-moved',
    'packages/ledger/src/apply.ts',
    'BigInt.asUintN(64, accounts.cursor + rows)',
    'BigInt.asUintN(64, accounts.cursor)'
  ),
  applied(
    'steps-uncredited',
    'packages/ledger/src/apply.ts',
    'Math.min(header.steps, genesis.training.innerSteps))',
    'Math.min(1, header.steps))'
  ),
  validated(
    'unattested-delta-applied',
    'packages/ledger/src/validate.ts',
    'return extra === undefined ? null :',
    'return extra === undefined || extra >= 0 ? null :'
  ),
  validated(
    'attested-delta-dropped',
    'packages/ledger/src/validate.ts',
    'if (dropped !== undefined) return',
    'if (dropped === -1) return'
  ),
  validated(
    'attests-need-no-quorum',
    'packages/ledger/src/validate.ts',
    'if (!isQuorum(attested, total)) return',
    'if (attested > total) return'
  ),
  validated(
    'slashed-twice',
    'packages/ledger/src/slashing.ts',
    'if (isConvict(account, epoch, epochs)) return fault',
    'if (isConvict(account, epoch, epochs) && epoch < 0) return fault'
  ),
  by('packages/wire/test/evidence.ts')(
    'evidence-by-different-slots',
    'packages/wire/src/evidence.ts',
    'if (first.epoch !== second.epoch || first.slot !== second.slot) return false',
    'if (first.epoch !== second.epoch) return false'
  ),
  by('packages/wire/test/quorum.ts')(
    'certificate-signer-in-a-spare-bit',
    'packages/wire/src/bitmap.ts',
    '(length % 8 === 0 || bitmap[bitmap.length - 1]! >> (length % 8) === 0)',
    'length >= 0'
  )
]
