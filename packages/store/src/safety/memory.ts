/** `safety/` without a disk, for simulations. */
import { assert, u64 } from '@gradmesh/core'
import type { Database } from '../database.ts'
import { type MemoryDatabase, type MemoryOptions, openMemory } from '../memory.ts'
import { put } from '../sealed.ts'
import { encodeEntry, operationsOf, SEQUENCE } from './entry.ts'
import type { Mirror, MirrorRecord } from './mirror.ts'
import { openSafetyOn } from './opening.ts'
import type { SafetyStore } from './safety-store.ts'

/** What survives a crash: hand it to `openMemorySafety` again, with `database` crashed. */
export interface MemorySafetyDisk {
  readonly database: MemoryDatabase
  readonly mirror: MemoryMirror
}

export class MemoryMirror implements Mirror {
  newest: MirrorRecord | undefined
  /** Set by a test to fail the next write. */
  failure: Error | null = null

  async append(record: MirrorRecord): Promise<void> {
    if (this.failure !== null) throw this.failure
    this.newest = record
  }

  async close(): Promise<void> {}
}

/** `options` are of the database; the high-water file has its own `failure`. */
export const newMemorySafetyDisk = async (
  key: Uint8Array,
  options: MemoryOptions = {}
): Promise<MemorySafetyDisk> => {
  const disk = { database: openMemory(options), mirror: new MemoryMirror() }
  const entry = { type: 'init', key } as const
  await disk.database.batch([...operationsOf(entry, 0), put(SEQUENCE, u64(0))], { sync: true })
  await disk.mirror.append({ sequence: 0, entry: encodeEntry(entry) })
  return disk
}

/** Also on ports around them, where a test wants to come between. */
export const openMemorySafety = ({
  database,
  mirror
}: {
  readonly database: Database
  readonly mirror: Mirror & Pick<MemoryMirror, 'newest'>
}): Promise<SafetyStore> => {
  const { newest } = mirror
  assert(newest !== undefined, 'a memory disk of safety was made by newMemorySafetyDisk')
  return openSafetyOn(database, { mirror, newest }, 'memory')
}
