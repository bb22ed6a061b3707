/**
 * LevelDB's log format (doc/log_format.md), which `.log` and MANIFEST files share: blocks of 32 KiB,
 * in them records of checksum u32 · length u16 · type u8 · data, a long record in several fragments.
 *
 * LevelDB takes a record that runs over the end of the file for one that a crash cut short, and forgets it; where a
 * checksum does not match it forgets the rest of the block, sound records too. So what a crash leaves is told from damage
 * here. A process that is killed, or a disk that is full, leaves a file that ends inside its last record. A power cut
 * leaves that as well, or zeros for sectors at the end that it came to before the disk: nothing was acknowledged from
 * there on, since each sync covers all that lies before it. Everything else is damage. In particular:
 *
 * - A flipped length can run over the end of the file too. But the record is still whole, so that its checksum is met by
 *   *some* length, or sound records follow.
 * - Bits that flip in the very last record leave all its bytes there, and no zeros at its end.
 * - Zeros with sound records behind them: a disk may have written the sectors of one sync out of order, when the record
 *   was never acknowledged, or have lost them later. Who can't tell refuses; a chain can be fetched again.
 *
 * Whole records that are missing at the end of a file leave no trace in it: what `safety/` has seen covers that.
 */
import { CRC_START, crc32c, crcOf, crcStep, unmask } from './crc32c.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
/** A disk writes no less at once. */
const SECTOR_BYTES = 512
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

export interface LogScan {
  /** Whole records up to the first that is not. */
  readonly records: readonly Uint8Array[]
  /** `isUnwritten`: its last sectors, and with them those of the file, are zeros. LevelDB bears it in a log alone. */
  readonly damage: (LogFault & { readonly isUnwritten: boolean }) | null
  /** The file ends inside a record: a crash cut a write short that was never acknowledged. */
  readonly torn: LogFault | null
}

export interface LogFault {
  /** Where the record begins, in bytes. */
  readonly at: number
  readonly what: string
}

export const scanLog = (bytes: Uint8Array): LogScan => {
  const records: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let fragments: Uint8Array[] | null = null
  const damaged = (at: number, what: string, isUnwritten = false): LogScan => ({
    records,
    damage: { at, what: `record at byte ${at}: ${what}`, isUnwritten },
    torn: null
  })
  const torn = (at: number): LogScan => ({
    records,
    damage: null,
    torn: { at, what: `the file ends inside a record at byte ${at}` }
  })

  let at = 0
  while (at < bytes.length) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES
    const end = Math.min(blockEnd, bytes.length)
    if (end - at < HEADER_BYTES) {
      if (end < blockEnd) return torn(at)
      at = blockEnd
      continue
    }
    const wanted = unmask(view.getUint32(at, true))
    const length = view.getUint16(at + 4, true)
    const type = bytes[at + 6]!
    const dataAt = at + HEADER_BYTES
    if (dataAt + length > end) {
      if (end === blockEnd) return damaged(at, 'its length runs over the block')
      const isWhole = meetsAnyLength(bytes.subarray(at + 6, end), wanted)
      return isWhole || isFollowed(bytes, view, at) ? damaged(at, 'its length is damaged') : torn(at)
    }
    if (type === 0 && length === 0 && bytes.subarray(at).every(byte => byte === 0)) return torn(at)
    if (crc32c(bytes.subarray(at + 6, dataAt + length)) !== wanted)
      return damaged(at, 'its checksum does not match', isUnwritten(bytes, view, at, dataAt + length))

    const data = bytes.subarray(dataAt, dataAt + length)
    if (type === FULL || type === FIRST) {
      if (fragments !== null) return damaged(at, 'the record before it has no end')
      if (type === FULL) records.push(data)
      else fragments = [data]
    } else if (type === MIDDLE || type === LAST) {
      if (fragments === null) return damaged(at, 'it has no beginning')
      fragments.push(data)
      if (type === LAST) {
        records.push(joined(fragments))
        fragments = null
      }
    } else return damaged(at, `its type ${type} is unknown`)
    at = dataAt + length
  }
  return fragments === null ? { records, damage: null, torn: null } : torn(at)
}

/**
 * Sectors from within the record that lies from `at` to `end` up to the end of the file are zeros: the file had its new
 * length when the power went, and they were never written. A flip of bits does not look like that: what we write ends in
 * a seal (`sealed.ts`), but for what only takes away.
 */
const isUnwritten = (bytes: Uint8Array, view: DataView, at: number, end: number): boolean => {
  const used = bytes.findLastIndex(byte => byte !== 0) + 1
  const sector = Math.ceil(used / SECTOR_BYTES) * SECTOR_BYTES
  return at < sector && sector < Math.min(end, bytes.length) && !isFollowed(bytes, view, at)
}

/** Behind byte `at`, in the last block of the file, there is a record with its checksum: no crash came between. */
const isFollowed = (bytes: Uint8Array, view: DataView, at: number): boolean => {
  for (let from = at + 1; from + HEADER_BYTES < bytes.length; from++) {
    const type = bytes[from + 6]!
    const end = from + HEADER_BYTES + view.getUint16(from + 4, true)
    if (type < FULL || type > LAST || end > bytes.length) continue
    if (crc32c(bytes.subarray(from + 6, end)) === unmask(view.getUint32(from, true))) return true
  }
  return false
}

/** `bytes`: the type and all data that there are. */
const meetsAnyLength = (bytes: Uint8Array, wanted: number): boolean => {
  let running = CRC_START
  for (const byte of bytes) {
    running = crcStep(running, byte)
    if (crcOf(running) === wanted) return true
  }
  return false
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
