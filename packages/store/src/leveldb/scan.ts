/**
 * Reads the files of a closed LevelDB folder without opening it. Opening is no test: LevelDB verifies
 * no checksum of a table on reads, forgets damaged records of a log without a word, and rewrites its
 * files as it starts, so that the damage is gone and so is what was damaged. This checks every byte that
 * LevelDB would read: CURRENT, the MANIFEST that it names, and the tables and logs that are live there.
 *
 * One thing it cannot see: a log that is shorter by whole records. What `safety/` has seen of the chain
 * covers that.
 *
 * `scanLogs` leaves out what is in the tables, and so costs little: two logs at most are live, each of LevelDB's write
 * buffer (4 MiB) and one batch more.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { failureOf, missing } from '../failures.ts'
import { scanLog } from './scan-log.ts'
import { versionOf } from './scan-manifest.ts'
import { scanTable } from './scan-table.ts'

const GONE = 'the file is missing'
const SECOND_LOOK_MS = 100

export interface ScanFinding {
  readonly file: string
  readonly what: string
  /** Where in the file, in bytes, as far as that is known. */
  readonly at?: number
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
export const scanLevelDb = (folder: string): Promise<Scan> => scan(folder, scanTable)

/** As `scanLevelDb`, but of tables only whether they are there in full length. Codes: the same. */
export const scanLogs = (folder: string): Promise<Scan> => scan(folder, null)

/** A peer that still runs may be between two writes: its files are whole at the second look. */
export const lookTwice = async (look: () => Promise<Scan>): Promise<Scan> => {
  const first = await look()
  if (first.findings.length === 0) return first
  await new Promise(resolve => setTimeout(resolve, SECOND_LOOK_MS))
  return look()
}

const scan = async (folder: string, scanContent: typeof scanTable | null): Promise<Scan> => {
  try {
    return await scanFiles(folder, scanContent)
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw failureOf(error, folder)
    if (path === undefined || path === folder) throw missing(folder, error)
    return { files: 0, bytes: 0, findings: [{ file: basename(path), what: GONE }], notes: [] }
  }
}

const scanFiles = async (folder: string, scanContent: typeof scanTable | null): Promise<Scan> => {
  const names = await readdir(folder)
  const findings: ScanFinding[] = []
  const notes: ScanFinding[] = []
  let files = 0
  let bytes = 0
  const result = (): Scan => ({ files, bytes, findings, notes })
  const find = (file: string, what: string, at?: number): void => {
    findings.push(at === undefined ? { file, what } : { file, what, at })
  }
  const read = async (name: string): Promise<Uint8Array> => {
    const content = await readFile(join(folder, name))
    files++
    bytes += content.length
    return content
  }

  if (!names.includes('CURRENT')) {
    if (!names.some(name => /^(\d+\.(ldb|sst|log)|MANIFEST-\d+)$/.test(name))) throw missing(folder)
    find('CURRENT', GONE)
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
  const { records, damage, torn } = scanLog(await read(manifest))
  const version = versionOf(records)
  if (damage !== null || version === undefined) {
    const { what, at } = damage ?? torn ?? { what: 'a version edit does not parse' }
    find(manifest, what, at)
    return result()
  }

  for (const [number, size] of version.tables) {
    const name = names.find(name => name === fileName(number, 'ldb') || name === fileName(number, 'sst'))
    if (name === undefined) {
      find(fileName(number, 'ldb'), GONE)
      continue
    }
    const length = (await stat(join(folder, name))).size
    const wrong =
      length === size
        ? (scanContent?.(await read(name)) ?? null)
        : `it has ${length} bytes, ${size} were written`
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
    if (number !== 0 && !logs.some(log => log.number === number)) find(fileName(number, 'log'), GONE)
  }
  // Newest first. A crash can cut the last write short, and then a second one leave an empty log behind it. LevelDB closes
  // a full log without a sync, so that a power cut within seconds could cut that one although a newer one has synced
  // records. It is refused: a sync is to cover all before it, and nobody can tell that from damage.
  let last = true
  for (const { name } of logs) {
    const content = await read(name)
    const { damage, torn } = scanLog(content)
    const cut = damage?.isUnwritten === true ? damage : torn
    if (cut === null) {
      if (damage !== null) find(name, damage.what, damage.at)
    } else if (last) notes.push({ file: name, what: cut.what, at: cut.at })
    else find(name, `${cut.what}, though newer files follow`, cut.at)
    if (content.length > 0) last = false
  }
  // What an edit names is on the disk before it, and what it takes away goes after it: without it all is still there.
  if (torn !== null) (findings.length === 0 ? notes : findings).push({ file: manifest, ...torn })
  return result()
}

const fileName = (number: number, ending: string): string => `${String(number).padStart(6, '0')}.${ending}`
