/**
 * The alphabet of byte-level BPE (Radford et al. 2019): every byte is one printable character, so that any text
 * has pieces and none is unknown. Bytes that print stand for themselves, the others for 256, 257, …
 */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++))
})()

/** Words with the space before them, runs of digits, of signs, of white space; English clitics apart. */
const PIECES = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

export const preTokenize = (text: string): readonly string[] => text.match(PIECES) ?? []
