/**
 * The twin of `leveldb.ts` for tests and simulation. It keeps batches and writes to files in the order in which they
 * were made and remembers which of them a crash would spare: as in LevelDB's log, a synced batch makes every batch
 * before it durable as well. Of files only their own sync makes anything durable.
 */
import { assert, type MeshError, toLatin1 } from '@gradmesh/core'
import type { Database, Files, Operation, Range } from './database.ts'
import { closed, storeError } from './failures.ts'

/**
 * What the disk does with a write. `full`: refused, nothing written. `lost-answer`: written and
 * durable, yet reported as failed, so the caller may conclude nothing from the failure.
 */
export type DiskFault = 'full' | 'lost-answer'

export interface MemoryOptions {
  /** Asked before every write, counted from 0 over the life of the disk; to a file, it has no operations. */
  readonly fault?: (write: number, operations: readonly Operation[]) => DiskFault | null
}

export interface MemoryDatabase extends Database {
  /**
   * The power goes: this handle is dead, and the database that a restarted process finds is returned.
   * Of the writes that were not synced it holds the first `kept` (0 unless told): a disk may have
   * written some of them on its own, always in order.
   */
  crash(kept?: number): MemoryDatabase
  /** Writes that a crash would lose now. */
  readonly unsynced: number
  /** What a crash would leave under this key, whatever else it keeps. */
  durable(key: Uint8Array): Uint8Array | undefined
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

const EVERYTHING = { from: new Uint8Array(0), to: Uint8Array.of(0xff) }

interface Contents {
  readonly values: Map<string, Uint8Array>
  readonly files: Map<string, Uint8Array>
}

interface Disk {
  readonly durable: Contents
  writes: number
}

interface FileWrite {
  readonly name: string
  readonly at: number
  /** Null: the file is removed. */
  readonly bytes: Uint8Array | null
}

type Write = readonly Operation[] | FileWrite

export const openMemory = (options: MemoryOptions = {}): MemoryDatabase =>
  new Memory({ durable: { values: new Map(), files: new Map() }, writes: 0 }, options)

class Memory implements MemoryDatabase {
  readonly #disk: Disk
  readonly #options: MemoryOptions
  readonly #live: Map<string, Uint8Array>
  readonly #liveFiles: Map<string, Uint8Array>
  readonly files: Files
  /** The keys of `live` in order, from the first question about a range on. */
  #sorted: string[] | null = null
  #pending: Write[] = []
  #open = true
  #failure: MeshError | null = null

  constructor(disk: Disk, options: MemoryOptions) {
    this.#disk = disk
    this.#options = options
    this.#live = new Map(disk.durable.values)
    this.#liveFiles = new Map(disk.durable.files)
    this.files = this.#makeFiles()
  }

  get unsynced(): number {
    return this.#pending.length
  }

  durable(key: Uint8Array): Uint8Array | undefined {
    return this.#disk.durable.values.get(toLatin1(key))
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#assertOpen()
    return this.#live.get(toLatin1(key))?.slice()
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map(key => this.get(key)))
  }

  async batch(operations: readonly Operation[], { sync }: { readonly sync: boolean }): Promise<void> {
    const copied = operations.map(copy)
    this.#write(copied, () => {
      if (this.#sorted !== null) for (const operation of copied) this.#sort(this.#sorted, operation)
      apply(this.#live, copied)
      return sync
    })
  }

  /** `run` makes the write and says whether it is to be durable, with all of its kind before it. */
  #write(write: Write, run: () => boolean): void {
    this.#assertOpen()
    if (this.#failure !== null) throw this.#failure
    const fault = this.#options.fault?.(this.#disk.writes++, isBatch(write) ? write : []) ?? null
    if (fault === 'full') {
      this.#failure = storeError('STORE_FULL', 'no space left on the memory disk')
      throw this.#failure
    }
    const isDurable = run()
    this.#pending.push(write)
    if (isDurable || fault === 'lost-answer')
      this.#flush(isBatch(write) ? isBatch : other => !isBatch(other) && other.name === write.name)
    if (fault === 'lost-answer') {
      this.#failure = storeError('STORE_IO', 'the memory disk lost its answer')
      throw this.#failure
    }
  }

  #makeFiles(): Files {
    const write = async (name: string, at: number, bytes: Uint8Array | null): Promise<void> => {
      const one = { name, at, bytes: bytes?.slice() ?? null }
      this.#write(one, () => {
        applyToFile(this.#liveFiles, one)
        return false
      })
    }
    const held = (name: string): Uint8Array | undefined => {
      this.#assertOpen()
      return this.#liveFiles.get(name)
    }
    return {
      names: async () => {
        this.#assertOpen()
        return [...this.#liveFiles.keys()]
      },
      size: async name => held(name)?.length,
      read: async (name, at, length, into) => {
        const bytes = held(name)
        if (bytes === undefined || bytes.length < at + length) return undefined
        if (into === undefined) return bytes.slice(at, at + length)
        into.set(bytes.subarray(at, at + length))
        return into.subarray(0, length)
      },
      write,
      sync: async name => {
        this.#assertOpen()
        if (this.#failure !== null) throw this.#failure
        this.#flush(other => !isBatch(other) && other.name === name)
      },
      remove: name => write(name, 0, null)
    }
  }

  async *entries({
    from,
    to,
    reverse = false,
    limit = -1
  }: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    this.#assertOpen()
    this.#sorted ??= [...this.#live.keys()].sort((a, b) => (a < b ? -1 : 1))
    const keys = this.#sorted.slice(
      firstAtLeast(this.#sorted, toLatin1(from)),
      firstAtLeast(this.#sorted, toLatin1(to))
    )
    if (reverse) keys.reverse()
    // The values as they are now: an iterator sees what was there when it began.
    const found = keys
      .slice(0, limit < 0 ? keys.length : limit)
      .map(key => [key, this.#live.get(key)!] as const)
    for (const [key, value] of found) {
      this.#assertOpen()
      yield [bytesOf(key), value.slice()]
    }
  }

  async sizeOf(range?: Pick<Range, 'from' | 'to'>): Promise<number> {
    const { from, to } = range ?? EVERYTHING
    let bytes = 0
    for await (const [key, value] of this.entries({ from, to })) bytes += key.length + value.length
    if (range === undefined) for (const file of this.#liveFiles.values()) bytes += file.length
    return bytes
  }

  async close(): Promise<void> {
    this.#open = false
  }

  crash(kept = 0): MemoryDatabase {
    assert(kept >= 0 && kept <= this.#pending.length, 'a crash keeps some of the unsynced writes')
    const spared = new Set(this.#pending.slice(0, kept))
    this.#flush(write => spared.has(write))
    this.#open = false
    return new Memory(this.#disk, this.#options)
  }

  #flush(isDurable: (write: Write) => boolean): void {
    const { values, files } = this.#disk.durable
    for (const write of this.#pending) {
      if (!isDurable(write)) continue
      if (isBatch(write)) apply(values, write)
      else applyToFile(files, write)
    }
    this.#pending = this.#pending.filter(write => !isDurable(write))
  }

  #sort(sorted: string[], { type, key }: Operation): void {
    const text = toLatin1(key)
    const at = firstAtLeast(sorted, text)
    const isThere = sorted[at] === text
    if (type === 'put' && !isThere) sorted.splice(at, 0, text)
    else if (type === 'del' && isThere) sorted.splice(at, 1)
  }

  #assertOpen(): void {
    if (!this.#open) throw closed('memory')
  }
}

const isBatch = (write: Write): write is readonly Operation[] => !('name' in write)

/** What others hold of the file stays as it was. */
const applyToFile = (files: Map<string, Uint8Array>, { name, at, bytes }: FileWrite): void => {
  if (bytes === null) {
    files.delete(name)
    return
  }
  const before = files.get(name) ?? new Uint8Array(0)
  const after = new Uint8Array(Math.max(before.length, at + bytes.length))
  after.set(before)
  after.set(bytes, at)
  files.set(name, after)
}

const apply = (map: Map<string, Uint8Array>, operations: readonly Operation[]): void => {
  for (const operation of operations) {
    if (operation.type === 'put') map.set(toLatin1(operation.key), operation.value)
    else map.delete(toLatin1(operation.key))
  }
}

const copy = (operation: Operation): Operation =>
  operation.type === 'put'
    ? { type: 'put', key: operation.key.slice(), value: operation.value.slice() }
    : { type: 'del', key: operation.key.slice() }

const firstAtLeast = (sorted: readonly string[], wanted: string): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
