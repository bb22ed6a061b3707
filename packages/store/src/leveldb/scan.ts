/**
 * Reads the files of a closed LevelDB folder without opening it. Opening is no test: LevelDB verifies
 * no checksum of a table on reads, forgets damaged records of a log without a word, and rewrites its
 * files as it starts, so that the damage is gone and so is what was damaged. This checks every byte that
 * LevelDB would read: CURRENT, the MANIFEST that it names, and the tables and logs that are live there.
 *
 * One thing it cannot see: a log that is shorter by whole records. What `safety/` has seen of the chain
 * covers that.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failureOf, missing } from '../failures.ts'
import { scanLog } from './scan-log.ts'
import { versionOf } from './scan-manifest.ts'
import { scanTable } from './scan-table.ts'

export interface ScanFinding {
  readonly file: string
  readonly what: string
}

export interface Scan {
  /** Live files that were read, and their size. */
  readonly files: number
  readonly bytes: number
  /** Damage. Empty: every value in the folder is as LevelDB wrote it. */
  readonly findings: readonly ScanFinding[]
  /** No damage: writes that a crash cut short before they were acknowledged. */
  readonly notes: readonly ScanFinding[]
}

/** Codes: STORE_MISSING when there is no database, STORE_PERMISSION, STORE_IO. */
export const scanLevelDb = async (folder: string): Promise<Scan> => {
  try {
    return await scan(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw missing(folder, error)
    throw failureOf(error, folder)
  }
}

const scan = async (folder: string): Promise<Scan> => {
  const names = await readdir(folder)
  const findings: ScanFinding[] = []
  const notes: ScanFinding[] = []
  let files = 0
  let bytes = 0
  const result = (): Scan => ({ files, bytes, findings, notes })
  const find = (file: string, what: string): void => {
    findings.push({ file, what })
  }
  const read = async (name: string): Promise<Uint8Array> => {
    const content = await readFile(join(folder, name))
    files++
    bytes += content.length
    return content
  }

  if (!names.includes('CURRENT')) {
    if (!names.some(name => /^(\d+\.(ldb|sst|log)|MANIFEST-\d+)$/.test(name))) throw missing(folder)
    find('CURRENT', 'the file is missing')
    return result()
  }
  const current = new TextDecoder('latin1').decode(await read('CURRENT'))
  const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1]
  if (manifest === undefined) {
    find('CURRENT', 'it does not name a MANIFEST')
    return result()
  }
  if (!names.includes(manifest)) {
    find('CURRENT', `it names ${manifest}, which is missing`)
    return result()
  }
  const edits = scanLog(await read(manifest))
  const damage = edits.damage ?? edits.torn
  const version = versionOf(edits.records)
  if (damage !== null || version === undefined) {
    find(manifest, damage ?? 'a version edit does not parse')
    return result()
  }

  for (const [number, size] of version.tables) {
    const name = names.find(name => name === fileName(number, 'ldb') || name === fileName(number, 'sst'))
    if (name === undefined) {
      find(fileName(number, 'ldb'), 'the file is missing')
      continue
    }
    const table = await read(name)
    const wrong =
      table.length === size ? scanTable(table) : `it has ${table.length} bytes, ${size} were written`
    if (wrong !== null) find(name, wrong)
  }

  const logs = names
    .filter(name => /^\d+\.log$/.test(name))
    .map(name => ({ name, number: Number.parseInt(name, 10) }))
    .filter(
      ({ number }) => number >= version.log || (version.previousLog !== 0 && number === version.previousLog)
    )
    .sort((a, b) => b.number - a.number)
  for (const number of [version.log, version.previousLog]) {
    if (number !== 0 && !logs.some(log => log.number === number))
      find(fileName(number, 'log'), 'the file is missing')
  }
  // Newest first. A crash can cut the last write short, and then a second one leave an empty log behind it.
  let last = true
  for (const { name } of logs) {
    const content = await read(name)
    const { damage, torn } = scanLog(content)
    if (damage !== null) find(name, damage)
    else if (torn !== null && last) notes.push({ file: name, what: torn })
    else if (torn !== null) find(name, `${torn}, though newer files follow`)
    if (content.length > 0) last = false
  }
  return result()
}

const fileName = (number: number, ending: string): string => `${String(number).padStart(6, '0')}.${ending}`
