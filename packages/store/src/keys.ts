/** Keys: one letter, then fixed-width parts, numbers big-endian so that they sort. Table: README. */
import { concatBytes } from '@gradmesh/core'
import type { Range } from './database.ts'

/** Slots, heights and rounds are u32 on the wire. */
export const NUMBER_BYTES = 4

export const beU32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

/** The number that starts at `at`. */
export const numberAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

export const keyOf = (letter: string, ...parts: readonly (number | Uint8Array)[]): Uint8Array =>
  concatBytes(
    Uint8Array.of(letter.charCodeAt(0)),
    ...parts.map(part => (typeof part === 'number' ? beU32(part) : part))
  )

/** All keys of a letter whose first number is in [from, to]. */
export const numbersOf = (letter: string, from = 0, to = 0xffff_ffff): Range => ({
  from: keyOf(letter, from),
  to: to < 0xffff_ffff ? keyOf(letter, to + 1) : allOf(letter).to
})

export const allOf = (letter: string): Range => {
  const code = letter.charCodeAt(0)
  return { from: Uint8Array.of(code), to: Uint8Array.of(code + 1) }
}
