/**
 * LevelDB's table format (doc/table_format.md): data blocks, filter, metaindex and index, each followed
 * by a type byte and a checksum, then a footer that says where metaindex and index lie. The blocks tile
 * the file without a gap, so together the checksums cover every byte that LevelDB reads.
 */
import { crc32c, unmask } from './crc32c.ts'
import { unsnappy } from './snappy.ts'
import { readVarint } from './varint.ts'

const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC_LOW = 0x8b80fb57
const MAGIC_HIGH = 0xdb477524
const SNAPPY = 1

interface Block {
  readonly offset: number
  readonly size: number
}

/** What is wrong with a table, or null. */
export const scanTable = (bytes: Uint8Array): string | null => {
  if (bytes.length < FOOTER_BYTES) return `${bytes.length} bytes are no table`
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const footerAt = bytes.length - FOOTER_BYTES
  if (
    view.getUint32(bytes.length - 8, true) !== MAGIC_LOW ||
    view.getUint32(bytes.length - 4, true) !== MAGIC_HIGH
  ) {
    return 'the footer is damaged'
  }
  const metaindex = readHandle(bytes, footerAt)
  const index = metaindex === undefined ? undefined : readHandle(bytes, metaindex.next)
  if (metaindex === undefined || index === undefined) return 'the footer is damaged'

  const blocks: Block[] = [metaindex, index]
  for (const [name, root] of [
    ['metaindex', metaindex],
    ['index', index]
  ] as const) {
    const content = contentOf(bytes, view, root, footerAt)
    if (typeof content === 'string') return `${name}: ${content}`
    const handles = handlesIn(content)
    if (handles === undefined) return `${name}: its entries do not parse`
    blocks.push(...handles)
  }
  blocks.sort((a, b) => a.offset - b.offset)
  let covered = 0
  for (const block of blocks) {
    if (block.offset !== covered) return `the blocks leave a gap or overlap at byte ${covered}`
    const damage = damageOf(bytes, view, block, footerAt)
    if (damage !== null) return damage
    covered += block.size + TRAILER_BYTES
  }
  return covered === footerAt ? null : `the blocks end at byte ${covered}, the footer starts at ${footerAt}`
}

const readHandle = (bytes: Uint8Array, at: number): (Block & { readonly next: number }) | undefined => {
  const offset = readVarint(bytes, at)
  const size = offset === undefined ? undefined : readVarint(bytes, offset.next)
  return offset === undefined || size === undefined
    ? undefined
    : { offset: offset.value, size: size.value, next: size.next }
}

const damageOf = (
  bytes: Uint8Array,
  view: DataView,
  { offset, size }: Block,
  limit: number
): string | null => {
  if (offset + size + TRAILER_BYTES > limit) return `a block at byte ${offset} runs over the end`
  const stored = unmask(view.getUint32(offset + size + 1, true))
  return crc32c(bytes.subarray(offset, offset + size + 1)) === stored
    ? null
    : `the block at byte ${offset} does not match its checksum`
}

/** The content of a block, or what is wrong with it. */
const contentOf = (bytes: Uint8Array, view: DataView, block: Block, limit: number): Uint8Array | string => {
  const damage = damageOf(bytes, view, block, limit)
  if (damage !== null) return damage
  const { offset, size } = block
  const stored = bytes.subarray(offset, offset + size)
  const type = bytes[offset + size]!
  if (type === 0) return stored
  return (type === SNAPPY ? unsnappy(stored) : undefined) ?? `the block at byte ${offset} does not decompress`
}

/** The values of a block whose values are all handles. */
const handlesIn = (block: Uint8Array): Block[] | undefined => {
  if (block.length < 4) return undefined
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const end = block.length - 4 - 4 * view.getUint32(block.length - 4, true)
  const handles: Block[] = []
  let at = 0
  while (at < end) {
    const shared = readVarint(block, at)
    const own = shared && readVarint(block, shared.next)
    const length = own && readVarint(block, own.next)
    if (own === undefined || length === undefined) return undefined
    const valueAt = length.next + own.value
    const handle = readHandle(block, valueAt)
    if (handle === undefined || handle.next !== valueAt + length.value) return undefined
    handles.push(handle)
    at = handle.next
  }
  return at === end ? handles : undefined
}
