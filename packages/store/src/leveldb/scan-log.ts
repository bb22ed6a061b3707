/**
 * LevelDB's log format (doc/log_format.md), which `.log` and MANIFEST files share: blocks of 32 KiB,
 * in them records of checksum u32 · length u16 · type u8 · data, a long record in several fragments.
 *
 * LevelDB takes a record that runs over the end of the file for one that a crash cut short, and forgets
 * it. A flipped length can look the same. What tells them apart: behind a flipped length the record is
 * still whole, so that its checksum is met by *some* length.
 */
import { CRC_START, crc32c, crcOf, crcStep, unmask } from './crc32c.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

export interface LogScan {
  /** Whole records up to the first damage. */
  readonly records: readonly Uint8Array[]
  readonly damage: string | null
  /** The file ends inside a record: a crash cut a write short that was never acknowledged. */
  readonly torn: string | null
}

export const scanLog = (bytes: Uint8Array): LogScan => {
  const records: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let fragments: Uint8Array[] | null = null
  const damaged = (at: number, what: string): LogScan => ({
    records,
    damage: `record at byte ${at}: ${what}`,
    torn: null
  })
  const torn = (at: number): LogScan => ({
    records,
    damage: null,
    torn: `the file ends inside a record at byte ${at}`
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
      if (meetsAnyLength(bytes.subarray(at + 6, end), wanted)) return damaged(at, 'its length is damaged')
      return torn(at)
    }
    if (type === 0 && length === 0 && bytes.subarray(at).every(byte => byte === 0)) return torn(at)
    if (crc32c(bytes.subarray(at + 6, dataAt + length)) !== wanted)
      return damaged(at, 'its checksum does not match')

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
