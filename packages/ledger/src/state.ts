/** States that come from nowhere: the first one, and one from a checkpoint. */
import { assert, equalBytes, type Fault, fault, MeshError, toHex } from '@gradmesh/core'
import { type Layout, paddedLength } from '@gradmesh/delta'
import { chainIdOf, type Digest, type DigestList, type Genesis } from '@gradmesh/wire'
import { conserved, decodeAccounts, unpackAccounts } from './accounts.ts'
import { epochOf } from './election.ts'
import type { LedgerFault } from './faults.ts'
import { leafDigests, stateRoot } from './roots.ts'
import { genesisSets } from './sets.ts'
import { emptyAccount } from './transactions.ts'
import type { Accounts, LedgerState, PackedAccounts } from './types.ts'
import { initialWeights, layoutOf } from './weights.ts'

export const stateOf = (accounts: Accounts, weights: Int32Array, leaves: DigestList): LedgerState => {
  assert(conserved(accounts), 'no money came from nowhere or went there')
  return { accounts, weights, leaves, root: stateRoot(accounts, leaves) }
}

/** Height 0, round 0; validators are the first trainers, and their stakes the first money. Throws `LEDGER_BASE`, `LEDGER_PRIVACY`, `LEDGER_START`. */
export const genesisState = (genesis: Genesis, bases?: ReadonlyMap<string, Int32Array>): LedgerState => {
  if (genesis.privacy !== 'plain') {
    throw new MeshError('LEDGER_PRIVACY', 'this release applies plain deltas only', {
      remedy: "Use a genesis with privacy 'plain'.",
      data: { privacy: genesis.privacy }
    })
  }
  if (genesis.parent !== undefined) {
    throw new MeshError(
      'LEDGER_START',
      'this mesh begins with the state of another, which is not held here',
      {
        remedy: 'Start from a checkpoint, or make the folder by `gradmesh recover`.',
        data: { parent: toHex(genesis.parent.chainId) }
      }
    )
  }
  const layout = layoutOf(genesis)
  const weights = initialWeights(genesis, layout, bases)
  const { validators } = genesis
  const accounts: Accounts = {
    height: 0,
    round: 0,
    cursor: 0n,
    transcriptRoot: chainIdOf(genesis),
    ...genesisSets(genesis),
    trainers: validators.map(({ key, stake }) => ({
      ...emptyAccount,
      key,
      label: '',
      since: 0,
      bond: stake
    })),
    minted: validators.reduce((sum, { stake }) => sum + stake, 0n),
    burnt: 0n
  }
  return stateOf(accounts, weights, leafDigests(layout, weights))
}

/**
 * The first state of a mesh that goes on from another, as `fork` made it: what its genesis names, whoever brings it.
 * Faults: as `restoreState`.
 */
export const forkedState = (
  genesis: Genesis,
  accountsBytes: Uint8Array,
  weights: Int32Array
): LedgerState | Fault<LedgerFault> => {
  assert(genesis.parent !== undefined, 'only a mesh with a parent begins with its state')
  const layout = layoutOf(genesis)
  if (weights.length !== paddedLength(layout))
    return fault('LEDGER_CHECKPOINT_LENGTH', `${weights.length} weights`)
  return restoreState(genesis, accountsBytes, leafDigests(layout, weights), weights, genesis.parent.startRoot)
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
  leaves: DigestList,
  weights: Int32Array,
  expectedRoot?: Digest
): LedgerState | Fault<LedgerFault> => {
  const frame = checkpointFrame(genesis, accountsBytes, leaves, expectedRoot)
  if ('fault' in frame) return frame
  const { accounts, root } = frame
  const layout: Layout = layoutOf(genesis)
  if (weights.length !== paddedLength(layout))
    return fault('LEDGER_CHECKPOINT_LENGTH', `${weights.length} weights`)
  const wrong = [...leafDigests(layout, weights)].findIndex(
    (digest, i) => !equalBytes(digest, leaves.part(i))
  )
  if (wrong !== -1) return fault('LEDGER_LEAF_DIGEST', `leaf ${wrong}`)
  return { accounts, weights, leaves, root }
}

/**
 * All of a checkpoint but its weights: what must hold before its leaves are worth fetching. Faults: those of
 * `restoreState` but for LEDGER_LEAF_DIGEST.
 */
export const checkpointFrame = (
  genesis: Genesis,
  accountsBytes: Uint8Array,
  leaves: DigestList,
  expectedRoot?: Digest
): Pick<LedgerState, 'accounts' | 'root'> | Fault<LedgerFault> => {
  const accounts = decodeAccounts(accountsBytes)
  if ('fault' in accounts) return accounts
  if (!isOfGenesis(accounts, genesis)) return fault('LEDGER_ACCOUNTS_GENESIS')
  if (!conserved(accounts)) return fault('LEDGER_ACCOUNTS_MONEY')
  if (leaves.length !== layoutOf(genesis).chunks)
    return fault('LEDGER_CHECKPOINT_LENGTH', `${leaves.length} leaves`)
  const root = stateRoot(accounts, leaves)
  if (expectedRoot !== undefined && !equalBytes(root, expectedRoot)) return fault('LEDGER_CHECKPOINT_ROOT')
  return { accounts: unpackAccounts(accounts), root }
}

/** Its first trainers are the genesis validators, its sets are of the round's epoch and sit registered keys. */
const isOfGenesis = ({ trainers, epoch, round, running, next }: PackedAccounts, genesis: Genesis): boolean =>
  trainers.length >= genesis.validators.length &&
  genesis.validators.every(({ key }, i) => equalBytes(key, trainers.at(i)!.key)) &&
  epoch === epochOf(genesis.epochs, round) &&
  [running, next].every(({ seats }) =>
    seats.every(({ key, trainer }) => trainer < trainers.length && equalBytes(key, trainers.at(trainer)!.key))
  )
