/**
 * Base58 as Bitcoin writes it, read in time that a long text does not stretch: the usual decoders take each letter
 * through all bytes before it, which for a text as long as a ticket may be is a hundred milliseconds. Here nine
 * letters at a time go into one big integer.
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** 58^9 is a safe integer. */
const GROUP = 9
const VALUES: ReadonlyMap<string, number> = new Map([...ALPHABET].map((letter, value) => [letter, value]))

/** Undefined for a letter outside the alphabet. Each leading `1` stands for a zero byte. */
export const decodeBase58 = (letters: string): Uint8Array | undefined => {
  let whole = 0n
  for (let at = 0; at < letters.length; at += GROUP) {
    const group = letters.slice(at, at + GROUP)
    let value = 0
    for (const letter of group) {
      const digit = VALUES.get(letter)
      if (digit === undefined) return undefined
      value = value * 58 + digit
    }
    whole = whole * BigInt(58 ** group.length) + BigInt(value)
  }
  let zeros = 0
  while (letters[zeros] === ALPHABET[0]) zeros++
  const hex = whole === 0n ? '' : whole.toString(16)
  const digits = hex.length % 2 === 0 ? hex : `0${hex}`
  const bytes = new Uint8Array(zeros + digits.length / 2)
  for (let i = 0; i < digits.length; i += 2)
    bytes[zeros + i / 2] = Number.parseInt(digits.slice(i, i + 2), 16)
  return bytes
}
