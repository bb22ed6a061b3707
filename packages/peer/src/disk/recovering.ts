/**
 * A folder of the mesh that goes on from one which lost its quorum. The old folder stays as it is: what it holds is
 * the past of the new mesh, and its key goes on in both, which is safe, since signatures name their mesh.
 */
import { copyFile, stat } from 'node:fs/promises'
import { equalBytes, isFault, MeshError, toHex } from '@gradmesh/core'
import { type Forked, fork, type LedgerState, layoutOf, leafDigests, stakeOf } from '@gradmesh/ledger'
import { chainIdOf, type Digest, type Genesis, type PublicKey } from '@gradmesh/wire'
import { cannotWrite } from './cannot-write.ts'
import { keepPlugin, paths, pluginIn, readGenesis, readPublicKey, settleFolder } from './folder.ts'
import { makeFolder } from './make-folder.ts'
import { withNewestState } from './newest-state.ts'
import { writeStart } from './start.ts'

export interface RecoverOptions {
  /** Of a peer that is not running. */
  readonly folder: string
  /** Validators that go on, in any order. */
  readonly survivors: readonly PublicKey[]
  /** Where this machine keeps the mesh's data set, if its model starts from published weights. */
  readonly dataset: string | null
  /** The id that another survivor got: refused if it is not the same here. */
  readonly expected: Digest | null
}

export interface Recovery {
  readonly genesis: Genesis
  readonly chainId: Digest
  readonly lost: readonly { readonly key: PublicKey; readonly share: number }[]
  readonly survivors: readonly { readonly key: PublicKey; readonly share: number }[]
  /** Rounds that the parent closed. */
  readonly round: number
  readonly state: Pick<LedgerState, 'accounts' | 'weights'>
}

/**
 * What `settleRecovery` would write, from the newest final state that the folder holds.
 * @throws MeshError `LEDGER_FORK_…`, `RECOVER_DIFFERENT`, `GENESIS_MISSING`, `STORE_…`, `CHAIN_BROKEN`
 */
export const planRecovery = async ({
  folder,
  survivors,
  dataset,
  expected
}: RecoverOptions): Promise<Recovery> => {
  const { genesis } = await readGenesis(folder)
  const { height, state } = await newestState(folder, genesis, dataset)
  const forked = fork({ genesis, height, state }, survivors)
  if (isFault(forked)) throw refused(forked.fault, forked.detail)
  const { genesis: child, accounts, lost } = forked as Forked
  const chainId = chainIdOf(child)
  if (expected !== null && !equalBytes(expected, chainId)) {
    throw new MeshError(
      'RECOVER_DIFFERENT',
      `from block ${height} for these survivors the new mesh is ${toHex(chainId)}, not ${toHex(expected)}`,
      {
        remedy:
          'Compare the survivors and the height with the other operators. A peer that is behind is started once more, with the others running, until all stand at the same block.',
        data: { height, chainId: toHex(chainId) }
      }
    )
  }
  const { running } = state.accounts
  const total = stakeOf(running)
  const shared = ({ key, stake }: { readonly key: PublicKey; readonly stake: bigint }) => ({
    key,
    share: Number((stake * 10_000n) / total) / 10_000
  })
  const gone = new Set(lost.map(({ key }) => toHex(key)))
  return {
    genesis: child,
    chainId,
    lost: lost.map(shared),
    survivors: running.seats.filter(({ key }) => !gone.has(toHex(key))).map(shared),
    round: state.accounts.round,
    state: { accounts, weights: state.weights }
  }
}

/** Makes the folder of the new mesh, with the key of the old, and where its task lies. @throws MeshError `RECOVER_FOLDER_USED`, `FOLDER_WRITE` */
export const settleRecovery = async (from: string, to: string, recovery: Recovery): Promise<void> => {
  if (await stat(to).catch(() => null)) {
    throw new MeshError('RECOVER_FOLDER_USED', `${to} exists already`, {
      remedy: 'Name a new folder: the new mesh is another one, and the old folder stays as it is.'
    })
  }
  const { publicKey } = await readPublicKey(from)
  await makeFolder(to)
  await writeStart(to, recovery.state)
  await copyFile(paths(from).key, paths(to).key).catch(cause => {
    throw cannotWrite('FOLDER_WRITE', paths(to).key, cause)
  })
  const plugin = await pluginIn(from, recovery.genesis)
  if (plugin !== null) await keepPlugin(to, plugin)
  await settleFolder(to, recovery.genesis, { publicKey })
}

const newestState = (
  folder: string,
  genesis: Genesis,
  dataset: string | null
): Promise<{ height: number; state: LedgerState }> =>
  withNewestState({ folder, genesis, dataset }, async ({ state, head }) => {
    if (head === undefined || head.height === 0)
      throw new MeshError('RECOVER_EMPTY', 'this folder holds no final block to go on from', {
        remedy:
          'Run it in the folder of a peer that took part; a mesh without a block is made by `gradmesh init`.'
      })
    const { weights } = await state.checkpoint({ id: head.id })
    const { accounts, root, height } = head
    return { height, state: { accounts, weights, leaves: leafDigests(layoutOf(genesis), weights), root } }
  })

const REMEDIES: Readonly<Record<string, string>> = {
  LEDGER_FORK_SURVIVOR: '`gradmesh stakes`, asked while the peer runs, lists the validators and their keys.',
  LEDGER_FORK_QUORUM:
    'They need no fork: start them, and blocks become final again. If they do not, `gradmesh status` says why.',
  LEDGER_FORK_ENDED: 'There is nothing to go on with: `gradmesh export` writes the weights.'
}

const SAYS: Readonly<Record<string, string>> = {
  LEDGER_FORK_SURVIVOR: 'these survivors cannot go on',
  LEDGER_FORK_QUORUM: 'the survivors hold more than two thirds of the stake',
  LEDGER_FORK_ENDED: 'the run of this mesh is over'
}

const refused = (code: string, detail: string | undefined): MeshError =>
  new MeshError(code, `${SAYS[code]}${detail === undefined ? '' : `: ${detail}`}`, {
    remedy: REMEDIES[code] ?? ''
  })
