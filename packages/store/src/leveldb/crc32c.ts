/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as LevelDB stores it. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** The running value before the first byte; `crcOf` ends it. */
export const CRC_START = 0xffff_ffff

export const crcStep = (running: number, byte: number): number =>
  (running >>> 8) ^ TABLE[(running ^ byte) & 0xff]!

export const crcOf = (running: number): number => (running ^ 0xffff_ffff) >>> 0

export const crc32c = (bytes: Uint8Array): number => {
  let running = CRC_START
  for (let i = 0; i < bytes.length; i++) running = (running >>> 8) ^ TABLE[(running ^ bytes[i]!) & 0xff]!
  return crcOf(running)
}

/** LevelDB stores checksums rotated and shifted, because data that holds its own checksum is weak. */
export const unmask = (stored: number): number => {
  const rotated = (stored - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
