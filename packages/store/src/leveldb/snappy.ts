/**
 * Snappy's raw block format, decoding only (format_description.txt of google/snappy): LevelDB may
 * compress the index blocks that `scan.ts` has to read. Hostile bytes give `undefined`.
 */
import { readVarint } from './varint.ts'

/** No index block comes near it: tables have a few megabytes, and an entry a few bytes a block. */
const LENGTH_MAX = 64 * 1024 * 1024

export const unsnappy = (input: Uint8Array): Uint8Array | undefined => {
  const head = readVarint(input, 0)
  if (head === undefined || head.value > LENGTH_MAX || head.value > input.length * 64) return undefined
  const output = new Uint8Array(head.value)
  let from = head.next
  let to = 0
  while (from < input.length) {
    const tag = input[from++]!
    if ((tag & 3) === 0) {
      let length = tag >>> 2
      if (length >= 60) {
        const width = length - 59
        if (from + width > input.length) return undefined
        length = little(input, from, width)
        from += width
      }
      length++
      if (from + length > input.length || to + length > output.length) return undefined
      output.set(input.subarray(from, from + length), to)
      from += length
      to += length
      continue
    }
    const width = [0, 1, 2, 4][tag & 3]!
    if (from + width > input.length) return undefined
    const length = (tag & 3) === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const offset = little(input, from, width) + ((tag & 3) === 1 ? (tag >>> 5) * 256 : 0)
    from += width
    if (offset === 0 || offset > to || to + length > output.length) return undefined
    // Byte by byte: source and target may overlap, which is how runs are written.
    for (let i = 0; i < length; i++, to++) output[to] = output[to - offset]!
  }
  return to === output.length ? output : undefined
}

const little = (bytes: Uint8Array, at: number, width: number): number => {
  let value = 0
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}
