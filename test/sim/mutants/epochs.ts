/**
 * Who votes next, what bonds and rewards wait for, forks, and keys that come back: judged by their own tests, and
 * some once more by whole peers whose sets change.
 */
import type { Mutant } from './types.ts'

const by =
  (judge: Mutant['judge']) =>
  (name: string, file: string, find: string, put: string): Mutant => ({
    name,
    judge,
    edits: [{ file: `packages/${file}`, find, put }]
  })

const turned = by('packages/ledger/test/epochs.ts')
const forked = by('packages/ledger/test/fork.ts')
const renewed = by('packages/peer/test/round/renewing.ts')
const tailed = by('packages/consensus/test/epochs.ts')
const voted = by('consensus')
const simulated = by('mesh')
const told = by('packages/peer/test/telling/quorum.ts')

const ELECTION = 'ledger/src/election.ts'
const FORK = 'ledger/src/fork.ts'
const RENEWING = 'peer/src/round/renewing.ts'

export const epochMutants: readonly Mutant[] = [
  turned('churn-unbounded', ELECTION, '1n : total / CHURN_PARTS', '1n : total'),
  turned('dismissed-keeps-its-seat', ELECTION, 'dismissed.has(trainer) ? 0n : before +', 'before +'),
  turned(
    'seat-without-a-bond',
    ELECTION,
    'const spare = account.bond - resting',
    'const spare = account.bond'
  ),
  turned('bond-free-at-once', ELECTION, 'firstRoundOf(rules, epoch + rules.unbonding)', 'accounts.round'),
  turned(
    'set-one-epoch-ahead',
    ELECTION,
    'running: accounts.next, next, trainers',
    'running: next, next, trainers'
  ),
  turned('least-bond-ignored', ELECTION, 'stake >= bondMin && !dismissed', 'stake > 0n && !dismissed'),
  turned(
    'reward-free-early',
    'ledger/src/apply.ts',
    'firstRoundOf(epochs, epoch + 1 + epochs.unbonding)',
    'firstRoundOf(epochs, epoch + 1)'
  ),
  turned(
    'absence-not-counted',
    'ledger/src/apply.ts',
    'present.has(i) ? 0 : account.absent + 1',
    'present.has(i) ? 0 : account.absent'
  ),
  turned('order-taken-twice', 'ledger/src/transactions.ts', 'account.nonce + 1', 'account.nonce'),
  forked('fork-keeps-the-lost', FORK, 'hasLeft ? { ...account, leaving: account.bond } : account', 'account'),
  forked('fork-beside-a-quorum', FORK, 'if (isQuorum(left,', 'if (left < 0n && isQuorum(left,'),
  forked('fork-pays-early', FORK, 'round: Math.ceil(', 'round: Math.floor('),
  forked('fork-of-any-state', 'ledger/src/state.ts', 'weights, genesis.parent.startRoot)', 'weights)'),
  renewed('renewed-by-an-old-number', RENEWING, 'equalBytes(tx.salt, this.#salt)', 'tx.salt.length > 0'),
  renewed('renewed-by-another-key', RENEWING, 'equalBytes(tx.key, keys.publicKey) &&', ''),
  renewed('renewed-slot-signed-again', RENEWING, 'slot: slot + 1, round', 'slot, round'),
  renewed('renewed-round-trained-again', RENEWING, 'round: round + 1 })', 'round })'),
  tailed('tail-without-an-end', 'consensus/src/step.ts', 'if (draft.frontier >= end) return', ''),
  tailed(
    'leads-beyond-the-tail',
    'consensus/src/proposing.ts',
    'facts.skip || slot >= endOfSlots(draft)',
    'facts.skip'
  ),
  told(
    'silence-told-too-early',
    'peer/src/telling/quorum.ts',
    'open.deadlineMs + PATIENCE_MS',
    'open.deadlineMs'
  ),
  voted(
    'final-beyond-the-boundary',
    'consensus/src/finality.ts',
    'const final = boundary === -1 ? blocks : blocks.slice(0, boundary + 1)',
    'const final = boundary === -1 ? blocks : blocks.slice(0)'
  ),
  voted(
    'a-final-boundary-ends-nothing',
    'consensus/src/finality.ts',
    'draft.ended = block.boundary',
    'draft.ended = block.boundary && draft.broken'
  ),
  voted(
    'an-epoch-begins-where-the-last-ended',
    'wire/src/bounds.ts',
    'slotsBetweenEpochs: 4_096',
    'slotsBetweenEpochs: 1'
  ),
  simulated('mesh-churn-unbounded', ELECTION, '1n : total / CHURN_PARTS', '1n : total'),
  simulated('mesh-absent-keep-their-seats', ELECTION, 'absent >= rules.absentRounds ||', 'absent < 0 ||'),
  simulated(
    'mesh-seats-without-bonds',
    ELECTION,
    'const spare = account.bond - resting',
    'const spare = account.bond'
  ),
  simulated(
    'mesh-set-one-epoch-ahead',
    ELECTION,
    'running: accounts.next, next, trainers',
    'running: next, next, trainers'
  )
]
