/**
 * `gradmesh verify`: reads a folder whose peer is not running, and believes none of it. First every
 * file of the databases is checked record by record, while they are closed: LevelDB drops what is damaged
 * as it opens. Then every live value, then what `safety/` has seen. Then the chain is replayed from its
 * start: each block's signature, certificate, rules and roots, and what was derived from them (receipts,
 * checkpoints), so that a value rewritten together with its checksum is found too.
 */

import { equalBytes, MeshError, toHex } from '@gradmesh/core'
import { auditSafety, type FinalHead, lookTwice, openSafety, scanLevelDb } from '@gradmesh/store'
import { openLevelDb } from '@gradmesh/store/leveldb'
import type { PublicKey } from '@gradmesh/wire'
import { exists, paths, readGenesis, readPublicKey } from './folder.ts'
import { type Report, type VerifyReport, whereOf } from './verify-report.ts'
import { checkChain } from './verifying-chain.ts'

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

const scanFiles = async (name: string, path: string, report: Report): Promise<void> => {
  if (!(await exists(path))) {
    report.findings.push({ where: name, what: 'the folder is missing' })
    return
  }
  const scan = await lookTwice(() => scanLevelDb(path))
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
