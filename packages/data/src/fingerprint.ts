/**
 * What a data file is, by its content: the genesis names data so, and whoever has a block of the file can check it
 * without the rest. Blocks of 256 KiB; the root is SHA-256 over a tag, the length and the blocks' SHA-256.
 */
import { open } from 'node:fs/promises'
import { concatBytes, equalBytes, MeshError, sha256, toHex, u64, utf8 } from '@gradmesh/core'
import { unreadable } from './errors.ts'

export interface Fingerprint {
  readonly bytes: number
  readonly root: Uint8Array
  /** Of each block, in order. */
  readonly blocks: readonly Uint8Array[]
}

export const DATA_BLOCK_BYTES = 256 * 1024
const TAG = utf8('gradmesh/data/1')

/** The file as it lies there, packed if it is packed. Code: `DATA_UNREADABLE`. */
export const fingerprint = async (path: string): Promise<Fingerprint> => {
  const blocks: Uint8Array[] = []
  let bytes = 0
  try {
    await using file = await open(path)
    const block = new Uint8Array(DATA_BLOCK_BYTES)
    for (;;) {
      const length = await fill(file, block, bytes)
      if (length === 0) break
      blocks.push(sha256(block.subarray(0, length)))
      bytes += length
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
  return { bytes, blocks, root: sha256(TAG, u64(bytes), concatBytes(...blocks)) }
}

/** Codes: `DATA_CHANGED` when it is another file than the one agreed on, `DATA_UNREADABLE`. */
export const checkFile = async (path: string, root: Uint8Array): Promise<Fingerprint> => {
  const found = await fingerprint(path)
  if (equalBytes(found.root, root)) return found
  throw new MeshError('DATA_CHANGED', `${path} is not the file that the mesh trains on`, {
    remedy: 'get the file again from where the mesh names it',
    data: { path, root: toHex(found.root), wanted: toHex(root) }
  })
}

const fill = async (
  file: Awaited<ReturnType<typeof open>>,
  block: Uint8Array,
  from: number
): Promise<number> => {
  let length = 0
  while (length < block.length) {
    const { bytesRead } = await file.read(block, length, block.length - length, from + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}
