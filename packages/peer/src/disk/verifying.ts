/**
 * `gradmesh verify`: reads a folder whose peer is not running, and believes none of it. First every
 * file of the databases is checked record by record, while they are closed: LevelDB drops what is damaged
 * as it opens. Then every live value, then what `safety/` has seen. Then the chain is replayed from its
 * start: each block's signature, certificate, rules and roots, and what was derived from them (receipts,
 * checkpoints), so that a value rewritten together with its checksum is found too.
 */

import { equalBytes, MeshError, pause, systemClock, toHex } from '@gradmesh/core'
import { genesisSets, type Receipt, type Sets } from '@gradmesh/ledger'
import {
  auditChain,
  auditSafety,
  type ChainStore,
  type FinalHead,
  openChain,
  openSafety,
  type Scan,
  scanLevelDb
} from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import {
  type Block,
  blockIdOf,
  chainIdOf,
  encodeBlock,
  type Genesis,
  type PublicKey,
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
import { exists, paths, readGenesis, readPublicKey } from './folder.ts'
import { originOf } from './start.ts'

/** A peer that still runs may be between two writes: its files are whole at the second look. */
const SECOND_LOOK_MS = 50

export interface Finding {
  /** What it is about: a file such as `chain/CURRENT`, `chain`, `safety`, `key`, or `height N`. */
  readonly where: string
  readonly what: string
}

export interface VerifyReport {
  readonly ok: boolean
  /** The lowest block that is held; 0: the genesis and all that follows. */
  readonly base: number
  /** From the state at this height on every root was recomputed; blocks below are shown by certificates and hashes. */
  readonly replayedFrom: number
  readonly height: number
  readonly round: number
  /** The state root after the newest block that could be replayed. */
  readonly root: string | null
  readonly files: number
  readonly findings: readonly Finding[]
}

/**
 * Stops at the first kind of damage that makes the next check pointless. `dataset` is where this machine keeps the
 * mesh's data set, if its model starts from published weights.
 * @throws MeshError when the folder can't be judged at all: `GENESIS_MISSING`, `KEY_MISSING`,
 * `STORE_LOCKED` (the peer is running), `STORE_MISSING`, …
 */
export const verifyFolder = async (
  folder: string,
  onProgress: (height: number, target: number) => void = () => {},
  dataset: string | null = null
): Promise<VerifyReport> => {
  const { genesis, bytes } = await readGenesis(folder)
  const { publicKey } = await readPublicKey(folder)
  const { chain, safety } = paths(folder)
  const report: Report = { base: 0, replayedFrom: 0, height: 0, round: 0, root: null, files: 0, findings: [] }
  const finished = (): VerifyReport => ({ ...report, ok: report.findings.length === 0 })

  for (const [name, path] of Object.entries({ chain, safety })) await scanFiles(name, path, report)
  if (report.findings.length > 0) return finished()
  const database = await openLevelDb(chain, { create: false })
  try {
    const seen = await checkSafety(safety, publicKey, report)
    if (report.findings.length === 0)
      await checkChain({ database, folder, genesis, bytes, dataset, seen, report, onProgress })
  } catch (error) {
    if (!(error instanceof MeshError) || error.code === 'STORE_LOCKED') throw error
    report.findings.push({ where: whereOf(error, report.height + 1), what: error.message })
  } finally {
    await database.close()
  }
  return finished()
}

interface Report {
  base: number
  replayedFrom: number
  height: number
  round: number
  root: string | null
  files: number
  readonly findings: Finding[]
}

interface Case {
  readonly database: Awaited<ReturnType<typeof openLevelDb>>
  readonly folder: string
  readonly genesis: Genesis
  readonly bytes: Uint8Array
  readonly dataset: string | null
  readonly seen: FinalHead | undefined
  readonly report: Report
  readonly onProgress: (height: number, target: number) => void
}

const scanFiles = async (name: string, path: string, report: Report): Promise<void> => {
  if (!(await exists(path))) {
    report.findings.push({ where: name, what: 'the folder is missing' })
    return
  }
  let scan: Scan = await scanLevelDb(path)
  if (scan.findings.length > 0) {
    await pause(systemClock, SECOND_LOOK_MS)
    scan = await scanLevelDb(path)
  }
  report.files += scan.files
  report.findings.push(...scan.findings.map(({ file, what }) => ({ where: `${name}/${file}`, what })))
}

/** Every value is whole, and they are the promises of the key that is in the folder. Answers what it has seen. */
const checkSafety = async (path: string, key: PublicKey, report: Report): Promise<FinalHead | undefined> => {
  const database = await openLevelDb(path, { create: false })
  try {
    const { findings } = await auditSafety(database)
    report.findings.push(...findings.map(({ where, what }) => ({ where: `safety: ${where}`, what })))
  } finally {
    await database.close()
  }
  if (report.findings.length > 0) return undefined
  const safety = await openSafety(path)
  try {
    if (!equalBytes(safety.key, key))
      report.findings.push({
        where: 'key',
        what: `safety/ holds the votes of another key, ${toHex(safety.key)}`
      })
    return await safety.final()
  } finally {
    await safety.close()
  }
}

const checkChain = async (item: Case): Promise<void> => {
  const { database, folder, genesis, bytes, dataset, seen, report, onProgress } = item
  const audit = await auditChain(database, seen)
  report.findings.push(...audit.findings.map(({ height, what }) => ({ where: `height ${height}`, what })))
  if (report.findings.length > 0) return
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
  if (certificate.kind !== VoteKind.FINAL || signers?.certifies(certificate, chainIdOf(genesis)) !== true) {
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
  return certificates.some(certificate => {
    if (certificate.kind !== VoteKind.FINAL || !epoch.certifies(certificate, chainIdOf(genesis))) return false
    let id = toHex(certificate.blockId)
    while (id !== foot && byId.has(id)) id = toHex(byId.get(id)!.parentId)
    return id === foot
  })
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
  const { accounts, leaves, weights } = await state.checkpoint({ id })
  if (!equalBytes(accounts, checkpoint.accounts))
    return 'the accounts of the checkpoint are not the replayed ones'
  if (leaves.length !== checkpoint.leaves.length) return 'the checkpoint has another number of leaves'
  let index = 0
  for (const leaf of leafBytes(weights, weights.length / leaves.length)) {
    const stored = await chain.leaves(height, index, 1)
    if (
      !equalBytes(checkpoint.leaves[index]!, leaves[index]!) ||
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
    if (sittings.at(certificate.epoch)?.certifies(certificate, chainIdOf(genesis)) === true) continue
    const what = `the certificate of slot ${certificate.slot} does not hold`
    report.findings.push({ where: `height ${report.height}`, what })
  }
}

const whereOf = (error: MeshError, height: number): string => {
  const { file, what } = error.data
  if (error.code.startsWith('STORE_SAFETY')) return 'safety'
  if (typeof file === 'string') return file
  return typeof what === 'string' && error.data.height === undefined
    ? what
    : `height ${error.data.height ?? height}`
}
