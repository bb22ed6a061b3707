/** Weights as the 16 KiB leaves that the state root commits to: int32, little-endian. */
import { MeshError } from '@gradmesh/core'

const LEAF_ENTRIES = 4096
export const LEAF_BYTES = 4 * LEAF_ENTRIES

/** Leaves in order, one at a time, so that a large model is never copied whole. */
export function* leafBytes(weights: Int32Array): Iterable<Uint8Array> {
  for (let at = 0; at < weights.length; at += LEAF_ENTRIES) {
    const leaf = new Uint8Array(LEAF_BYTES)
    const view = new DataView(leaf.buffer)
    for (let i = 0; i < LEAF_ENTRIES; i++) view.setInt32(4 * i, weights[at + i]!, true)
    yield leaf
  }
}

/** Puts leaf `index` into its place. */
export const setLeaf = (weights: Int32Array, index: number, leaf: Uint8Array): void => {
  if (leaf.length !== LEAF_BYTES)
    throw new MeshError('STATE_LEAF', `a leaf has ${LEAF_BYTES} bytes, not ${leaf.length}`)
  const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength)
  for (let i = 0; i < LEAF_ENTRIES; i++) weights[index * LEAF_ENTRIES + i] = view.getInt32(4 * i, true)
}
