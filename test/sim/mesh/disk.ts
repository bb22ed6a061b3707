/**
 * One machine's disk: the two databases and the high-water file of the memory twins, and what may befall
 * them. A crash loses what was not synced, some of it or all; what lay on the disk may have lost a bit or be an
 * older copy when the machine comes back.
 */
import type { Prng } from '@gradmesh/core'
import type { Database, Operation } from '@gradmesh/store'
import { type MemoryDatabase, openMemory } from '@gradmesh/store/memory'
import { type MemoryMirror, newMemorySafetyDisk } from '@gradmesh/store/memory-safety'

const ALL = { from: new Uint8Array(), to: new Uint8Array(8).fill(0xff) }

type Entries = readonly (readonly [Uint8Array, Uint8Array])[]

export class SimDisk {
  chain: MemoryDatabase
  safety: MemoryDatabase
  readonly mirror: MemoryMirror
  isFull = false
  #chainCopy: Entries | null = null
  #safetyCopy: Entries | null = null
  readonly #fault: () => 'full' | null

  private constructor(safety: MemoryDatabase, mirror: MemoryMirror) {
    this.#fault = () => (this.isFull ? 'full' : null)
    this.chain = openMemory({ fault: this.#fault })
    this.safety = safety
    this.mirror = mirror
  }

  static async of(publicKey: Uint8Array): Promise<SimDisk> {
    const { database, mirror } = await newMemorySafetyDisk(publicKey)
    return new SimDisk(database, mirror)
  }

  /** The power goes. */
  crash(prng: Prng): void {
    this.chain = this.chain.crash(prng.below(this.chain.unsynced + 1))
    this.safety = this.safety.crash(prng.below(this.safety.unsynced + 1))
  }

  /** The process ended by itself: nothing is lost. */
  reopen(): void {
    this.chain = this.chain.crash(this.chain.unsynced)
    this.safety = this.safety.crash(this.safety.unsynced)
  }

  async copy(what: 'chain' | 'safety'): Promise<void> {
    const entries = await entriesOf(this[what])
    if (what === 'chain') this.#chainCopy = entries
    else this.#safetyCopy = entries
  }

  /** Puts the copy in the place of what is there; nothing happens when none was taken. */
  async rollBack(what: 'chain' | 'safety'): Promise<void> {
    const copy = what === 'chain' ? this.#chainCopy : this.#safetyCopy
    if (copy === null) return
    const database = openMemory({ fault: this.#fault })
    await database.batch(
      copy.map(([key, value]) => ({ type: 'put', key, value })),
      { sync: true }
    )
    this[what] = database
  }

  /** Flips one bit of one value of the chain. */
  async flip(prng: Prng): Promise<void> {
    const entries = await entriesOf(this.chain)
    if (entries.length === 0) return
    const [key, value] = prng.pick(entries)
    const bit = prng.below(8 * value.length)
    value[bit >> 3]! ^= 1 << (bit & 7)
    await this.chain.batch([{ type: 'put', key, value }], { sync: true })
  }

  /** What the operator does with a chain that is damaged. */
  moveChainAway(): void {
    this.chain = openMemory({ fault: this.#fault })
  }
}

const entriesOf = async (database: Database): Promise<Entries> => {
  const entries: (readonly [Uint8Array, Uint8Array])[] = []
  for await (const entry of database.entries(ALL)) entries.push(entry)
  return entries
}

/** `database` as one life of a peer sees it: `write` decides what becomes of each batch. */
export const watched = (
  database: Database,
  write: (run: () => Promise<void>, operations: readonly Operation[]) => Promise<void>
): Database => ({
  get: key => database.get(key),
  batch: (operations, options) => write(() => database.batch(operations, options), operations),
  entries: range => database.entries(range),
  close: () => database.close()
})
