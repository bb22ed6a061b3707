/**
 * The twin of `leveldb.ts` for tests and simulation. It keeps batches in the order in which they were
 * written and remembers which of them a crash would spare: as in LevelDB's log, a synced batch makes
 * every batch before it durable as well.
 */
import { assert, type MeshError } from '@gradmesh/core'
import { closed, storeError } from './failures.ts'
import type { Database, Operation, Range } from './types.ts'

/**
 * What the disk does with a batch. `full`: refused, nothing written. `lost-answer`: written and
 * durable, yet reported as failed, so the caller may conclude nothing from the failure.
 */
export type DiskFault = 'full' | 'lost-answer'

export interface MemoryOptions {
  /** Asked before every batch, counted from 0 over the life of the disk. */
  readonly fault?: (batch: number, operations: readonly Operation[]) => DiskFault | null
}

export interface MemoryDatabase extends Database {
  /**
   * The power goes: this handle is dead, and the database that a restarted process finds is returned.
   * Of the batches that were not synced it holds the first `kept` (0 unless told): a disk may have
   * written some of them on its own, always in order.
   */
  crash(kept?: number): MemoryDatabase
  /** Batches that a crash would lose now. */
  readonly unsynced: number
  /** What a crash would leave under this key, whatever else it keeps. */
  durable(key: Uint8Array): Uint8Array | undefined
}

/** Byte strings as text with one code unit a byte: map keys that sort as the bytes do. */
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

const EVERYTHING = { from: new Uint8Array(0), to: Uint8Array.of(0xff) }

interface Disk {
  readonly durable: Map<string, Uint8Array>
  batches: number
}

export const openMemory = (options: MemoryOptions = {}): MemoryDatabase =>
  new Memory({ durable: new Map(), batches: 0 }, options)

class Memory implements MemoryDatabase {
  readonly #disk: Disk
  readonly #options: MemoryOptions
  readonly #live: Map<string, Uint8Array>
  /** The keys of `live` in order, from the first question about a range on. */
  #sorted: string[] | null = null
  #pending: (readonly Operation[])[] = []
  #open = true
  #failure: MeshError | null = null

  constructor(disk: Disk, options: MemoryOptions) {
    this.#disk = disk
    this.#options = options
    this.#live = new Map(disk.durable)
  }

  get unsynced(): number {
    return this.#pending.length
  }

  durable(key: Uint8Array): Uint8Array | undefined {
    return this.#disk.durable.get(textOf(key))
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#assertOpen()
    return this.#live.get(textOf(key))?.slice()
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map(key => this.get(key)))
  }

  async batch(operations: readonly Operation[], { sync }: { readonly sync: boolean }): Promise<void> {
    this.#assertOpen()
    if (this.#failure !== null) throw this.#failure
    const fault = this.#options.fault?.(this.#disk.batches++, operations) ?? null
    if (fault === 'full') {
      this.#failure = storeError('STORE_FULL', 'no space left on the memory disk')
      throw this.#failure
    }
    const copied = operations.map(copy)
    if (this.#sorted !== null) for (const operation of copied) this.#sort(this.#sorted, operation)
    apply(this.#live, copied)
    this.#pending.push(copied)
    if (sync || fault === 'lost-answer') this.#flush(this.#pending.length)
    if (fault === 'lost-answer') {
      this.#failure = storeError('STORE_IO', 'the memory disk lost its answer')
      throw this.#failure
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
      firstAtLeast(this.#sorted, textOf(from)),
      firstAtLeast(this.#sorted, textOf(to))
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

  async sizeOf({ from, to }: Pick<Range, 'from' | 'to'> = EVERYTHING): Promise<number> {
    let bytes = 0
    for await (const [key, value] of this.entries({ from, to })) bytes += key.length + value.length
    return bytes
  }

  async close(): Promise<void> {
    this.#open = false
  }

  crash(kept = 0): MemoryDatabase {
    assert(kept >= 0 && kept <= this.#pending.length, 'a crash keeps some of the unsynced batches')
    this.#flush(kept)
    this.#open = false
    return new Memory(this.#disk, this.#options)
  }

  #flush(count: number): void {
    for (const operations of this.#pending.splice(0, count)) apply(this.#disk.durable, operations)
  }

  #sort(sorted: string[], { type, key }: Operation): void {
    const text = textOf(key)
    const at = firstAtLeast(sorted, text)
    const isThere = sorted[at] === text
    if (type === 'put' && !isThere) sorted.splice(at, 0, text)
    else if (type === 'del' && isThere) sorted.splice(at, 1)
  }

  #assertOpen(): void {
    if (!this.#open) throw closed('memory')
  }
}

const apply = (map: Map<string, Uint8Array>, operations: readonly Operation[]): void => {
  for (const operation of operations) {
    if (operation.type === 'put') map.set(textOf(operation.key), operation.value)
    else map.delete(textOf(operation.key))
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
