/** The one place that meets LevelDB. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MeshError } from '@gradmesh/core'
import { Level } from 'level'
import type { Database, Operation, Range } from './database.ts'
import { damagedFile, failureOf, missing, storeError } from './failures.ts'
import { FolderFiles } from './leveldb/folder-files.ts'
import { lookTwice, scanLogs } from './leveldb/scan.ts'

/** `level` types what every platform has; compaction is LevelDB's own. */
type Bytes = Level<Uint8Array, Uint8Array> & {
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>
  approximateSize(from: Uint8Array, to: Uint8Array): Promise<number>
}

const VIEWS = { keyEncoding: 'view', valueEncoding: 'view' } as const

export interface LevelDatabase extends Database {
  readonly folder: string
  /** Merges the files below into one sorted level; only tests and benchmarks need it. */
  compact(): Promise<void>
}

/**
 * Opens the database in `folder`, or makes one there when `create` is set.
 *
 * LevelDB makes an empty database wherever CURRENT is absent, and then deletes the tables of the one
 * that was there. So a folder that has LevelDB files and no CURRENT is refused. It also passes over what is damaged in
 * its logs, and rewrites them as it opens, so that what is missing shows when it is wanted, if ever: they are read before,
 * and damage that no crash explains is refused while the folder is as it was (`leveldb/scan-log.ts`: what a crash leaves).
 * That costs about 15 ms for a full log of 4 MiB.
 *
 * Codes: STORE_LOCKED, STORE_CORRUPT, STORE_MISSING, STORE_FULL, STORE_PERMISSION, STORE_IO.
 */
export const openLevelDb = async (
  folder: string,
  { create }: { readonly create: boolean }
): Promise<LevelDatabase> => {
  try {
    const names = await namesIn(folder)
    if (names.includes('CURRENT')) {
      const current = await readFile(join(folder, 'CURRENT'), 'latin1')
      const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1]
      if (manifest === undefined) throw badCurrent(folder, names, 'does not name a MANIFEST')
      if (!names.includes(manifest)) throw badCurrent(folder, names, `names ${manifest}, which is missing`)
      await assertLogsWhole(folder)
    } else {
      const left = names.find(name => /^\d+\.(ldb|sst)$|^MANIFEST-\d+$/.test(name))
      if (left !== undefined) throw badCurrent(folder, names, `is missing, though ${left} is there`)
      if (!create) throw missing(folder)
    }
    const level = new Level<Uint8Array, Uint8Array>(folder, { ...VIEWS, createIfMissing: create }) as Bytes
    await level.open()
    return new OpenLevelDb(folder, level)
  } catch (error) {
    throw failureOf(error, folder)
  }
}

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

const assertLogsWhole = async (folder: string): Promise<void> => {
  const { findings } = await lookTwice(() => scanLogs(folder))
  const first = findings[0]
  if (first !== undefined) throw damagedFile(folder, first)
}

const badCurrent = (folder: string, names: readonly string[], what: string): Error => {
  const newest =
    names
      .filter(name => name.startsWith('MANIFEST-'))
      .sort()
      .at(-1) ?? 'MANIFEST-…'
  return storeError('STORE_CORRUPT', `CURRENT in ${folder} ${what}`, {
    remedy: `It holds one line, the name of the newest MANIFEST, such as ${newest}: restore it from a backup. A chain can also be moved away: it is fetched anew. Never delete or repair \`safety\`.`,
    data: { folder, file: 'CURRENT' }
  })
}

class OpenLevelDb implements LevelDatabase {
  readonly folder: string
  readonly files: FolderFiles
  readonly #level: Bytes
  #turn: Promise<void> = Promise.resolve()
  #failure: MeshError | null = null

  constructor(folder: string, level: Bytes) {
    this.folder = folder
    this.files = new FolderFiles(folder)
    this.#level = level
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#level.get(key).catch(this.#fail)
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#level.getMany(keys as Uint8Array[]).catch(this.#fail)
  }

  /**
   * One at a time, and none after a failure. LevelDB would go on behind a record of which a part was
   * written, and at the next start forget everything that follows it in its block, synced or not.
   */
  batch(operations: readonly Operation[], { sync }: { readonly sync: boolean }): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (this.#failure !== null) throw this.#failure
      try {
        await this.#level.batch(operations as Operation[], { sync })
      } catch (error) {
        this.#failure = failureOf(error, this.folder)
        throw this.#failure
      }
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async *entries({
    from,
    to,
    reverse = false,
    limit = -1
  }: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    try {
      yield* this.#level.iterator({ gte: from, lt: to, reverse, limit })
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Of a range only what lies in sorted tables is counted, not the newest few megabytes in the log. */
  async sizeOf(range?: Pick<Range, 'from' | 'to'>): Promise<number> {
    if (range !== undefined) return this.#level.approximateSize(range.from, range.to).catch(this.#fail)
    const names = await namesIn(this.folder).catch(this.#fail)
    const sizes = names.map(name =>
      stat(join(this.folder, name)).then(
        ({ size }) => size,
        () => 0
      )
    )
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  }

  compact(): Promise<void> {
    return this.#level.compactRange(new Uint8Array(0), new Uint8Array(64).fill(0xff)).catch(this.#fail)
  }

  async close(): Promise<void> {
    await this.files.close().catch(this.#fail)
    await this.#level.close().catch(this.#fail)
  }

  readonly #fail = (error: unknown): never => {
    throw failureOf(error, this.folder)
  }
}
