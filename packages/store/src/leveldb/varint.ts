/** LevelDB's variable-length numbers: seven bits a byte, lowest first. */
export const readVarint = (
  bytes: Uint8Array,
  at: number
): { readonly value: number; readonly next: number } | undefined => {
  let value = 0
  for (let i = 0, scale = 1; i < 10; i++, scale *= 128) {
    const byte = bytes[at + i]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? { value, next: at + i + 1 } : undefined
  }
  return undefined
}
