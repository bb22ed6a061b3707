/** Which files are live, from the version edits in a MANIFEST (LevelDB's db/version_edit.cc). */
import { readVarint } from './varint.ts'

export interface Version {
  /** Size by table number. */
  readonly tables: ReadonlyMap<number, number>
  /** Logs with this number or above are live, and `previousLog` when it is not 0. */
  readonly log: number
  readonly previousLog: number
}

const TAG = {
  comparator: 1,
  log: 2,
  next: 3,
  last: 4,
  pointer: 5,
  deleted: 6,
  added: 7,
  previous: 9
} as const

/** `undefined`: an edit does not parse, or the log number is missing. */
export const versionOf = (edits: readonly Uint8Array[]): Version | undefined => {
  const tables = new Map<number, number>()
  let log: number | undefined
  let previousLog = 0
  for (const edit of edits) {
    const cursor = new Cursor(edit)
    while (!cursor.atEnd) {
      switch (cursor.number()) {
        case TAG.comparator:
          cursor.skip()
          break
        case TAG.log:
          log = cursor.number()
          break
        case TAG.next:
        case TAG.last:
          cursor.number()
          break
        case TAG.pointer:
          cursor.number()
          cursor.skip()
          break
        case TAG.deleted:
          cursor.number()
          tables.delete(cursor.number())
          break
        case TAG.added: {
          cursor.number()
          const table = cursor.number()
          tables.set(table, cursor.number())
          cursor.skip()
          cursor.skip()
          break
        }
        case TAG.previous:
          previousLog = cursor.number()
          break
        default:
          return undefined
      }
    }
    if (!cursor.whole) return undefined
  }
  return log === undefined ? undefined : { tables, log, previousLog }
}

class Cursor {
  readonly #bytes: Uint8Array
  #at = 0
  whole = true

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return !this.whole || this.#at >= this.#bytes.length
  }

  number(): number {
    const read = readVarint(this.#bytes, this.#at)
    if (read === undefined) this.whole = false
    this.#at = read?.next ?? this.#bytes.length
    return read?.value ?? -1
  }

  /** A byte string after its length. */
  skip(): void {
    const length = this.number()
    this.#at += length
    if (this.#at > this.#bytes.length) this.whole = false
  }
}
