/** Where the items of some dag-cbor bytes lie, as far as they can be followed. */
export interface Item {
  readonly start: number
  /** Where its head ends. */
  readonly body: number
  /** Where it ends, everything inside it included. */
  readonly end: number
  readonly major: number
}

const ITEMS_MAX = 4_096
const DEPTH_MAX = 32

export const itemsOf = (bytes: Uint8Array): Item[] => {
  const items: Item[] = []
  const walk = (start: number, depth: number): number | undefined => {
    const head = bytes[start]
    if (head === undefined || depth > DEPTH_MAX || items.length >= ITEMS_MAX) return undefined
    const major = head >> 5
    const info = head & 31
    if (info > 27) return undefined
    const size = info < 24 ? 0 : 1 << (info - 24)
    const body = start + 1 + size
    if (body > bytes.length) return undefined
    let argument = info
    if (size > 0) {
      argument = 0
      for (let i = start + 1; i < body; i++) argument = argument * 256 + bytes[i]!
    }
    const place = items.push({ start, body, end: body, major }) - 1
    let end: number | undefined = body
    if (major === 2 || major === 3) end = body + argument
    if (major > 3 && major < 7) {
      const children = major === 5 ? 2 * argument : major === 6 ? 1 : argument
      for (let i = 0; i < children && end !== undefined; i++) end = walk(end, depth + 1)
    }
    if (end === undefined || end > bytes.length) return undefined
    items[place] = { start, body, end, major }
    return end
  }
  walk(0, 0)
  return items.filter(({ body, end, major }) => end > body || major < 2 || major === 7)
}
