/**
 * One machine's disk: the two databases and the high-water file of the memory twins, and what may befall
 * them. A crash loses what was not synced, some of it or all: LevelDB drops the torn tail of its log, so what is
 * left is whole batches in their order. What lay on the disk may have lost a bit or be an older copy when the machine
 * comes back; a disk may be full, or report a write as failed that it has made.
 */
import type { Prng } from '@gradmesh/core'
import type { Database, Operation } from '@gradmesh/store'
import { type DiskFault, type MemoryDatabase, openMemory } from '@gradmesh/store/memory'
import { type MemoryMirror, newMemorySafetyDisk } from '@gradmesh/store/memory-safety'
import { type Digest, decodeBlock } from '@gradmesh/wire'
import { blockKey, deltaKey } from '../../../packages/store/src/chain/keys.ts'
import { SEAL_BYTES } from '../../../packages/store/src/sealed.ts'

const ALL = { from: new Uint8Array(), to: new Uint8Array(8).fill(0xff) }

type Entries = readonly (readonly [Uint8Array, Uint8Array])[]
interface Copy {
  readonly entries: Entries
  readonly files: readonly (readonly [name: string, bytes: Uint8Array])[]
}
type Name = 'chain' | 'safety'

/** What goes wrong with writes: nothing more fits, or the next one to a database is made and reported as failed. */
class Trouble {
  isFull = false
  losesAnswerOf: Name | null = null

  of(name: Name): DiskFault | null {
    if (this.isFull) return 'full'
    if (this.losesAnswerOf !== name) return null
    this.losesAnswerOf = null
    return 'lost-answer'
  }
}

export class SimDisk {
  chain: MemoryDatabase
  safety: MemoryDatabase
  readonly mirror: MemoryMirror
  readonly trouble: Trouble
  readonly #copies = new Map<Name, Copy>()

  private constructor(safety: MemoryDatabase, mirror: MemoryMirror, trouble: Trouble) {
    this.trouble = trouble
    this.chain = openMemory({ fault: () => trouble.of('chain') })
    this.safety = safety
    this.mirror = mirror
  }

  static async of(publicKey: Uint8Array): Promise<SimDisk> {
    const trouble = new Trouble()
    const { database, mirror } = await newMemorySafetyDisk(publicKey, { fault: () => trouble.of('safety') })
    return new SimDisk(database, mirror, trouble)
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

  async copy(what: Name): Promise<void> {
    const database = this[what]
    this.#copies.set(what, { entries: await entriesOf(database), files: await filesOf(database) })
  }

  /** Puts the copy in the place of what is there; nothing happens when none was taken. */
  async rollBack(what: Name): Promise<void> {
    const copy = this.#copies.get(what)
    if (copy === undefined) return
    const database = this.#empty(what)
    const operations: readonly Operation[] = copy.entries.map(([key, value]) => ({ type: 'put', key, value }))
    await this.#force(() =>
      Promise.all([
        database.batch(operations, { sync: true }),
        ...copy.files.map(([name, bytes]) => writeFile(database, name, bytes))
      ])
    )
    this[what] = database
  }

  /** Flips one bit of one value, or of one file. */
  async flip(what: Name, prng: Prng): Promise<void> {
    const database = this[what]
    const held: readonly (readonly [Uint8Array | string, Uint8Array])[] = [
      ...(await entriesOf(database)),
      ...(await filesOf(database))
    ]
    if (held.length === 0) return
    const [name, bytes] = prng.pick(held)
    const bit = prng.below(8 * bytes.length)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    await this.#force(() =>
      typeof name === 'string'
        ? writeFile(database, name, bytes)
        : database.batch([{ type: 'put', key: name, value: bytes }], { sync: true })
    )
  }

  /** What the operator does with a chain that is damaged. */
  moveChainAway(): void {
    this.chain = this.#empty('chain')
  }

  /** Whether a delta would be held after a crash that loses all it may. */
  keepsDelta(digest: Digest): boolean {
    return this.chain.durable(deltaKey(digest)) !== undefined
  }

  /** Whether this block and all payloads that it names would be. */
  keepsBlock(id: Digest): boolean {
    const stored = this.chain.durable(blockKey(id))
    if (stored === undefined) return false
    const block = decodeBlock(stored.slice(0, -SEAL_BYTES))
    return !('fault' in block) && block.body.deltas.every(({ digest }) => this.keepsDelta(digest))
  }

  /** What befalls a disk needs no room on it. */
  async #force(write: () => Promise<unknown>): Promise<void> {
    const { isFull, losesAnswerOf } = this.trouble
    Object.assign(this.trouble, { isFull: false, losesAnswerOf: null })
    const written = write()
    Object.assign(this.trouble, { isFull, losesAnswerOf })
    await written
  }

  #empty(what: Name): MemoryDatabase {
    return openMemory({ fault: () => this.trouble.of(what) })
  }
}

const entriesOf = async (database: Database): Promise<Entries> => {
  const entries: (readonly [Uint8Array, Uint8Array])[] = []
  for await (const entry of database.entries(ALL)) entries.push(entry)
  return entries
}

const filesOf = async ({ files }: Database): Promise<Copy['files']> => {
  const found: (readonly [string, Uint8Array])[] = []
  for (const name of await files.names()) {
    const bytes = await files.read(name, 0, (await files.size(name)) ?? 0)
    if (bytes !== undefined) found.push([name, bytes])
  }
  return found
}

const writeFile = ({ files }: Database, name: string, bytes: Uint8Array): Promise<unknown> =>
  Promise.all([files.write(name, 0, bytes), files.sync(name)])

/** `database` as one life of a peer sees it: `write` decides what becomes of each write. */
export const watched = (
  database: Database,
  write: (run: () => Promise<void>, operations: readonly Operation[]) => Promise<void>
): Database => ({
  files: {
    names: () => database.files.names(),
    size: name => database.files.size(name),
    read: (...place) => database.files.read(...place),
    write: (name, at, bytes) => write(() => database.files.write(name, at, bytes), []),
    sync: name => write(() => database.files.sync(name), []),
    remove: name => write(() => database.files.remove(name), [])
  },
  get: key => database.get(key),
  getMany: keys => database.getMany(keys),
  sizeOf: range => database.sizeOf(range),
  batch: (operations, options) => write(() => database.batch(operations, options), operations),
  entries: range => database.entries(range),
  close: () => database.close()
})
