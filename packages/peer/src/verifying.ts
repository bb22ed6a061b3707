/**
 * `gradmesh verify`: reads a folder whose peer is not running, and believes none of it. First every
 * file of the databases is checked record by record, then every live value, then the chain is replayed
 * from its start: each block's signature, certificate, rules and roots.
 */

import { leaderOf } from '@gradmesh/consensus'
import { equalBytes, MeshError, toHex } from '@gradmesh/core'
import { auditChain, type ChainStore, openChain, openSafety, scanLevelDb } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import {
  blockIdOf,
  chainIdOf,
  encodeBlock,
  type Genesis,
  VoteKind,
  verifyBlockSignature,
  verifyCertificate
} from '@gradmesh/wire'
import { consensusConfig } from './consensus-config.ts'
import { exists, paths, readGenesis } from './folder.ts'
import { openCheckpoint, openGenesis, replay } from './restoring.ts'
import type { StateHead, StateTable } from './state-worker.ts'
import { type Remote, startWorker } from './worker-rpc.ts'

export interface Finding {
  /** What it is about: a file, or `height N`. */
  readonly where: string
  readonly what: string
}

export interface VerifyReport {
  readonly ok: boolean
  readonly height: number
  readonly round: number
  /** The state root after the newest block that could be replayed. */
  readonly root: string | null
  readonly files: number
  readonly findings: readonly Finding[]
}

/**
 * Stops at the first kind of damage that makes the next check pointless.
 * @throws MeshError when the folder can't be judged at all: `GENESIS_MISSING`, `STORE_LOCKED`, …
 */
export const verifyFolder = async (
  folder: string,
  onProgress: (height: number, target: number) => void = () => {}
): Promise<VerifyReport> => {
  const { genesis } = await readGenesis(folder)
  const { chain: chainPath, safety: safetyPath } = paths(folder)
  const report = {
    ok: false,
    height: 0,
    round: 0,
    root: null as string | null,
    files: 0,
    findings: [] as Finding[]
  }
  for (const path of [chainPath, safetyPath]) {
    if (!(await exists(path))) {
      report.findings.push({ where: path, what: 'the folder is missing' })
      continue
    }
    const scan = await scanLevelDb(path)
    report.files += scan.files
    report.findings.push(...scan.findings.map(({ file, what }) => ({ where: file, what })))
  }
  if (report.findings.length > 0) return report
  const database = await openLevelDb(chainPath, { create: false })
  try {
    await checkChain(database, genesis, safetyPath, report, onProgress)
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    report.findings.push({ where: whereOf(error, report.height + 1), what: error.message })
  } finally {
    await database.close()
  }
  return { ...report, ok: report.findings.length === 0 }
}

type Report = { height: number; round: number; root: string | null; findings: Finding[] }

const checkChain = async (
  database: Awaited<ReturnType<typeof openLevelDb>>,
  genesis: Genesis,
  safetyPath: string,
  report: Report,
  onProgress: (height: number, target: number) => void
): Promise<void> => {
  const audit = await auditChain(database)
  report.findings.push(...audit.findings.map(({ height, what }) => ({ where: `height ${height}`, what })))
  if (report.findings.length > 0) return
  const chain = await openChain(database)
  await checkAgainstSafety(chain, safetyPath, report)
  await replayAll(chain, genesis, report, onProgress)
}

/** The chain must reach at least as far as this key has seen the mesh go. */
const checkAgainstSafety = async (chain: ChainStore, safetyPath: string, report: Report): Promise<void> => {
  const safety = await openSafety(safetyPath)
  try {
    const seen = await safety.final()
    if (seen === undefined) return
    const { height } = chain.head()
    if (height < seen.height) {
      report.findings.push({
        where: `height ${height}`,
        what: `the chain ends here, but height ${seen.height} has been seen final`
      })
      return
    }
    const id = await chain.idAt(seen.height)
    if (id !== undefined && !equalBytes(id, seen.id)) {
      report.findings.push({
        where: `height ${seen.height}`,
        what: 'another block stands here than the one that was seen final'
      })
    }
  } finally {
    await safety.close()
  }
}

const replayAll = async (
  chain: ChainStore,
  genesis: Genesis,
  report: Report,
  onProgress: (height: number, target: number) => void
): Promise<void> => {
  const worker = startWorker<StateTable>('state-worker', null, () => {})
  try {
    const target = chain.head().height
    const start = await openStart(chain, worker.call)
    report.findings.push(...start.findings)
    if (start.head === undefined) return
    let { head } = start
    for (let height = chain.base().height + 1; height <= target; height++) {
      report.height = height - 1
      const wrong = await checkBlock(chain, genesis, height)
      if (wrong !== null) {
        report.findings.push({ where: `height ${height}`, what: wrong })
        return
      }
      if (height <= head.height) continue
      await checkRules(chain, genesis, worker.call, height)
      head = await replay(chain, worker.call, head, height)
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
  state: Remote<StateTable>
): Promise<{ head?: StateHead; findings: Finding[] }> => {
  const base = chain.base().height
  try {
    return {
      head: base === 0 ? await openGenesis(chain, state) : await openCheckpoint(chain, state, base),
      findings: []
    }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return { findings: [{ where: whereOf(error, base), what: error.message }] }
  }
}

/** Signature of the leader, link to the parent, and a FINAL certificate over it or a descendant. */
const checkBlock = async (chain: ChainStore, genesis: Genesis, height: number): Promise<string | null> => {
  const block = await chain.blockAt(height)
  const parent = await chain.idAt(height - 1)
  const certificate = await chain.finalCertificateFor(height)
  if (block === undefined) return 'the block is missing'
  const { header } = block
  if (header.height !== height) return `the block here says that it belongs to height ${header.height}`
  if (parent !== undefined && !equalBytes(header.parentId, parent))
    return 'the block does not follow the one before it'
  const leader = genesis.validators[leaderOf(consensusConfig(genesis, null), header.slot)]!
  if (!verifyBlockSignature(block, leader.key)) return 'the block is not signed by the leader of its slot'
  if (certificate === undefined) return 'no FINAL certificate covers the block'
  if (
    certificate.kind !== VoteKind.FINAL ||
    !verifyCertificate(certificate, genesis.validators, chainIdOf(genesis))
  ) {
    return 'the FINAL certificate does not hold'
  }
  if (certificate.slot === header.slot && !equalBytes(certificate.blockId, blockIdOf(header)))
    return 'the FINAL certificate is for another block'
  return null
}

const checkRules = async (
  chain: ChainStore,
  genesis: Genesis,
  state: Remote<StateTable>,
  height: number
): Promise<void> => {
  const block = await chain.blockAt(height)
  if (block === undefined) return
  const leader = genesis.validators[leaderOf(consensusConfig(genesis, null), block.header.slot)]!
  const wrong = await state.validate({ block: encodeBlock(block), leader: leader.key })
  if (wrong !== null)
    throw new MeshError(
      'CHAIN_BROKEN',
      `block ${height} breaks a rule: ${wrong.fault}${wrong.detail ? ` (${wrong.detail})` : ''}`,
      { data: { height } }
    )
}

const whereOf = (error: MeshError, height: number): string => {
  const { file, what } = error.data
  return typeof file === 'string'
    ? file
    : typeof what === 'string'
      ? what
      : `height ${error.data.height ?? height}`
}
