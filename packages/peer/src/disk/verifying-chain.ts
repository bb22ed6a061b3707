/** The chain of a folder, replayed from its start: signatures, certificates, rules, roots, and what was derived. */
import { equalBytes, MeshError, toHex } from '@gradmesh/core'
import { genesisSets, type Receipt, type Sets } from '@gradmesh/ledger'
import { auditChain, type ChainStore, type Database, type FinalHead, openChain } from '@gradmesh/store'
import {
  type Block,
  blockIdOf,
  chainIdOf,
  DigestList,
  encodeBlock,
  type Genesis,
  VoteKind,
  verifyBlockSignature
} from '@gradmesh/wire'
import { Epoch } from '../round/epochs.ts'
import { leafBytes } from '../state/leaves.ts'
import type { Origin } from '../state/origin.ts'
import type { StateHead, StateTable } from '../state/state-table.ts'
import { openCheckpoint, openGenesis, replay } from '../sync/restoring.ts'
import { setsProofAt, walkEpochs } from '../sync/sets-proofs.ts'
import { type Remote, startWorker } from '../worker-rpc.ts'
import { originOf } from './start.ts'
import { type Finding, type Report, whereOf } from './verify-report.ts'

export interface ChainCase {
  readonly database: Database
  readonly folder: string
  readonly genesis: Genesis
  readonly bytes: Uint8Array
  readonly dataset: string | null
  readonly seen: FinalHead | undefined
  readonly report: Report
  readonly onProgress: (height: number, target: number) => void
}

export const checkChain = async (item: ChainCase): Promise<void> => {
  const { database, seen, report } = item
  const audit = await auditChain(database, seen)
  report.findings.push(...audit.findings.map(({ height, what }) => ({ where: `height ${height}`, what })))
  if (report.findings.length === 0) await checkBlocks(item)
  if (audit.errorDamage !== null) report.findings.push({ where: 'error buffer', what: audit.errorDamage })
}

const checkBlocks = async (item: ChainCase): Promise<void> => {
  const { database, folder, genesis, bytes, dataset, report, onProgress } = item
  const chain = await openChain(database)
  if (!equalBytes(chain.genesisBytes, bytes)) {
    report.findings.push({ where: 'height 0', what: 'the chain starts from another genesis than the folder' })
    return
  }
  const sittings = await sittingsOf(chain, genesis, report)
  if (report.findings.length > 0) return
  await replayAll(chain, genesis, sittings, report, () => originOf(genesis, folder, dataset), onProgress)
  if (report.findings.length === 0) await checkLive(chain, genesis, sittings, report)
}

const replayAll = async (
  chain: ChainStore,
  genesis: Genesis,
  sittings: Sittings,
  report: Report,
  origin: () => Promise<Origin>,
  onProgress: (height: number, target: number) => void
): Promise<void> => {
  const worker = startWorker<StateTable>('state/state-worker', null, () => {})
  try {
    const target = chain.head().height
    const start = await openStart(chain, worker.call, origin)
    report.findings.push(...start.findings)
    if (start.head === undefined) return
    let { head } = start
    report.base = chain.base().height
    report.replayedFrom = head.height
    sittings.learn(head.accounts)
    for (let height = chain.base().height + 1; height <= target; height++) {
      report.height = height - 1
      const wrong = await checkBlock(chain, genesis, sittings, height)
      if (wrong !== null) {
        report.findings.push({ where: `height ${height}`, what: wrong })
        return
      }
      if (height <= head.height) continue
      await checkRules(chain, sittings, worker.call, height)
      head = await replay(chain, worker.call, head, height)
      sittings.learn(head.accounts)
      const differs = await checkDerived(chain, worker.call, head)
      if (differs !== null) {
        report.findings.push({ where: `height ${height}`, what: differs })
        return
      }
      onProgress(height, target)
    }
    report.height = head.height
    report.round = head.accounts.round
    report.root = toHex(head.root)
  } finally {
    await worker.close()
  }
}

/**
 * Where the replay starts: the genesis, or for a peer that joined later the oldest checkpoint it still
 * holds. Blocks below that are checked by certificate and hash alone.
 */
const openStart = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  origin: () => Promise<Origin>
): Promise<{ head?: StateHead; findings: Finding[] }> => {
  const base = chain.base().height
  let from = base
  while (base > 0 && from < chain.head().height && (await chain.checkpointAt(from)) === undefined) from++
  try {
    return {
      head:
        base === 0
          ? await openGenesis(chain, state, await origin())
          : await openCheckpoint(chain, state, from),
      findings: []
    }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { findings: [{ where: whereOf(error, from), what: error.message }] }
  }
}

/** Who voted when: from the genesis, from the proofs that the peer keeps, and from the states that are replayed. */
class Sittings {
  readonly #epochs = new Map<number, Epoch>()

  learn({ epoch, running, next }: Sets): void {
    if (!this.#epochs.has(epoch)) this.#epochs.set(epoch, new Epoch(epoch, running, null))
    if (!this.#epochs.has(epoch + 1)) this.#epochs.set(epoch + 1, new Epoch(epoch + 1, next, null))
  }

  at(epoch: number): Epoch | undefined {
    return this.#epochs.get(epoch)
  }
}

const sittingsOf = async (chain: ChainStore, genesis: Genesis, report: Report): Promise<Sittings> => {
  const sittings = new Sittings()
  sittings.learn(genesisSets(genesis))
  async function* ask(epoch: number): AsyncGenerator<Uint8Array> {
    const proof = await setsProofAt(chain, epoch)
    if (proof !== undefined) yield proof
  }
  await walkEpochs(
    { genesis, chainId: chainIdOf(genesis) },
    () => false,
    ask,
    async (_, sets) => sittings.learn(sets),
    ({ fault }) =>
      report.findings.push({ where: 'epochs', what: `a proof of the validators does not hold: ${fault}` })
  )
  return sittings
}

/** Signature of the leader, link to the parent, and a FINAL certificate over it or a descendant. */
const checkBlock = async (
  chain: ChainStore,
  genesis: Genesis,
  sittings: Sittings,
  height: number
): Promise<string | null> => {
  const block = await chain.blockAt(height)
  const parent = await chain.idAt(height - 1)
  const certificate = await chain.finalCertificateFor(height)
  if (block === undefined) return 'the block is missing'
  const { header } = block
  if (header.height !== height) return `the block here says that it belongs to height ${header.height}`
  if (parent !== undefined && !equalBytes(header.parentId, parent))
    return 'the block does not follow the one before it'
  const epoch = sittings.at(header.epoch)
  if (epoch === undefined) return `who voted in epoch ${header.epoch} is not proven by what the folder holds`
  if (!verifyBlockSignature(block, epoch.leaderKey(header.slot)))
    return 'the block is not signed by the leader of its slot'
  if (certificate === undefined) {
    return (await isBoundaryOfTail(chain, genesis, epoch, block))
      ? null
      : 'no FINAL certificate covers the block'
  }
  const signers = sittings.at(certificate.epoch)
  const isFinal = certificate.kind === VoteKind.FINAL
  if (!isFinal || (await signers?.certifies(certificate, chainIdOf(genesis))) !== true) {
    return 'the FINAL certificate does not hold'
  }
  if (certificate.slot === header.slot && !equalBytes(certificate.blockId, blockIdOf(header)))
    return 'the FINAL certificate is for another block'
  return null
}

/** The head may be a boundary that is final by the certificate of an empty descendant, which is live still. */
const isBoundaryOfTail = async (
  chain: ChainStore,
  genesis: Genesis,
  epoch: Epoch,
  boundary: Block
): Promise<boolean> => {
  const { blocks, certificates } = await chain.live()
  const byId = new Map(blocks.map(({ header }) => [toHex(blockIdOf(header)), header]))
  const foot = toHex(blockIdOf(boundary.header))
  for (const certificate of certificates) {
    let id = toHex(certificate.blockId)
    while (id !== foot && byId.has(id)) id = toHex(byId.get(id)!.parentId)
    if (id !== foot || certificate.kind !== VoteKind.FINAL) continue
    if (await epoch.certifies(certificate, chainIdOf(genesis))) return true
  }
  return false
}

const checkRules = async (
  chain: ChainStore,
  sittings: Sittings,
  state: Remote<StateTable>,
  height: number
): Promise<void> => {
  const block = await chain.blockAt(height)
  if (block === undefined) return
  const wrong = await state.validate({
    block: encodeBlock(block),
    leader: sittings.at(block.header.epoch)!.leaderKey(block.header.slot)
  })
  if (wrong !== null)
    throw new MeshError(
      'CHAIN_BROKEN',
      `block ${height} breaks a rule: ${wrong.fault}${wrong.detail ? ` (${wrong.detail})` : ''}`,
      { data: { height } }
    )
}

/** Receipts and checkpoint of a height are what its replay gives. */
const checkDerived = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  { id, height }: StateHead
): Promise<string | null> => {
  // The block has been executed: executing it again answers what it gave then.
  const block = (await chain.blockAt(height)) as Block
  const { receipts } = await state.execute({ block: encodeBlock(block) })
  for (const receipt of receipts) {
    const stored = await chain.receipt(receipt.digest)
    if (stored === undefined || textOf(stored) !== textOf(receipt))
      return `the receipt of delta ${toHex(receipt.digest)} is not what the block gave it`
  }
  const checkpoint = await chain.checkpointAt(height)
  if (checkpoint === undefined) return null
  const { accounts, leaves: replayed, weights } = await state.checkpoint({ id })
  const leaves = new DigestList(replayed)
  if (!equalBytes(accounts, checkpoint.accounts))
    return 'the accounts of the checkpoint are not the replayed ones'
  if (leaves.length !== checkpoint.leaves.length) return 'the checkpoint has another number of leaves'
  let index = 0
  for (const leaf of leafBytes(weights, weights.length / leaves.length)) {
    const stored = await chain.leaves(height, index, 1)
    if (
      !equalBytes(checkpoint.leaves.part(index), leaves.part(index)) ||
      stored === undefined ||
      !equalBytes(stored, leaf)
    )
      return `leaf ${index} of the checkpoint is not the replayed one`
    index++
  }
  return null
}

const textOf = ({ digest, key, trainer, round, height, steps, weightQ16, reward }: Receipt): string =>
  [toHex(digest), toHex(key), trainer, round, height, steps, weightQ16, reward].join()

/** What a restart would go on from: signed by its leader, certified by a quorum. */
const checkLive = async (
  chain: ChainStore,
  genesis: Genesis,
  sittings: Sittings,
  report: Report
): Promise<void> => {
  const { blocks, certificates } = await chain.live()
  for (const block of blocks) {
    const { epoch, slot } = block.header
    const leader = sittings.at(epoch)?.leaderKey(slot)
    if (leader !== undefined && verifyBlockSignature(block, leader)) continue
    const what = `the live block of slot ${block.header.slot} is not signed by its leader`
    report.findings.push({ where: `height ${block.header.height}`, what })
  }
  for (const certificate of certificates) {
    if ((await sittings.at(certificate.epoch)?.certifies(certificate, chainIdOf(genesis))) === true) continue
    const what = `the certificate of slot ${certificate.slot} does not hold`
    report.findings.push({ where: `height ${report.height}`, what })
  }
}
