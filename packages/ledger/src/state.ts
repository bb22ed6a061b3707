/** States that come from nowhere: the first one, and one from a checkpoint. */
import { assert, equalBytes, type Fault, fault, MeshError } from '@gradmesh/core'
import { type Layout, paddedLength } from '@gradmesh/delta'
import { chainIdOf, type Digest, type Genesis } from '@gradmesh/wire'
import { conserved, decodeAccounts } from './accounts.ts'
import type { LedgerFault } from './faults.ts'
import { leafDigests, stateRoot } from './roots.ts'
import type { Accounts, LedgerState } from './types.ts'
import { initialWeights, layoutOf } from './weights.ts'

/** There is one validator set for the whole run. */
export const EPOCH = 0

export const stateOf = (accounts: Accounts, weights: Int32Array, leaves: readonly Digest[]): LedgerState => {
  assert(conserved(accounts), 'minted = stakes + balances + burnt')
  return { accounts, weights, leaves, root: stateRoot(accounts, leaves) }
}

/** Height 0, round 0; validators are the first trainers, and their stakes the first money. Throws `LEDGER_BASE`, `LEDGER_PRIVACY`. */
export const genesisState = (genesis: Genesis, bases?: ReadonlyMap<string, Int32Array>): LedgerState => {
  if (genesis.privacy !== 'plain') {
    throw new MeshError('LEDGER_PRIVACY', 'this release applies plain deltas only', {
      remedy: "Use a genesis with privacy 'plain'.",
      data: { privacy: genesis.privacy }
    })
  }
  const layout = layoutOf(genesis)
  const weights = initialWeights(genesis, layout, bases)
  const { validators } = genesis
  const accounts: Accounts = {
    height: 0,
    round: 0,
    cursor: 0n,
    transcriptRoot: chainIdOf(genesis),
    trainers: validators.map(({ key }) => ({
      key,
      label: '',
      since: 0,
      accepted: 0,
      lastRound: -1,
      balance: 0n
    })),
    validators: validators.map(({ key, stake }) => ({ key, stake, slashed: 0n })),
    minted: validators.reduce((sum, { stake }) => sum + stake, 0n),
    burnt: 0n
  }
  return stateOf(accounts, weights, leafDigests(layout, weights))
}

/**
 * A state from a checkpoint that strangers sent. Every leaf is hashed again. Give the root
 * that the final successor's header carries: without it, only the parts agree with each other, and the
 * caller must compare the root.
 *
 * Faults: LEDGER_ACCOUNTS, LEDGER_ACCOUNTS_GENESIS, LEDGER_ACCOUNTS_MONEY, LEDGER_CHECKPOINT_LENGTH,
 * LEDGER_CHECKPOINT_ROOT, LEDGER_LEAF_DIGEST.
 */
export const restoreState = (
  genesis: Genesis,
  accountsBytes: Uint8Array,
  leaves: readonly Digest[],
  weights: Int32Array,
  expectedRoot?: Digest
): LedgerState | Fault<LedgerFault> => {
  const accounts = decodeAccounts(accountsBytes)
  if ('fault' in accounts) return accounts
  if (!isOfGenesis(accounts, genesis)) return fault('LEDGER_ACCOUNTS_GENESIS')
  if (!conserved(accounts)) return fault('LEDGER_ACCOUNTS_MONEY')
  const layout: Layout = layoutOf(genesis)
  if (leaves.length !== layout.chunks || weights.length !== paddedLength(layout)) {
    return fault('LEDGER_CHECKPOINT_LENGTH', `${leaves.length} leaves, ${weights.length} weights`)
  }
  const root = stateRoot(accounts, leaves)
  if (expectedRoot !== undefined && !equalBytes(root, expectedRoot)) return fault('LEDGER_CHECKPOINT_ROOT')
  const wrong = leafDigests(layout, weights).findIndex((digest, i) => !equalBytes(digest, leaves[i]!))
  if (wrong !== -1) return fault('LEDGER_LEAF_DIGEST', `leaf ${wrong}`)
  return { accounts, weights, leaves, root }
}

const isOfGenesis = ({ validators, trainers }: Accounts, genesis: Genesis): boolean =>
  validators.length === genesis.validators.length &&
  trainers.length >= validators.length &&
  genesis.validators.every(
    ({ key, stake }, i) =>
      equalBytes(key, validators[i]!.key) &&
      equalBytes(key, trainers[i]!.key) &&
      validators[i]!.stake + validators[i]!.slashed === stake
  )
