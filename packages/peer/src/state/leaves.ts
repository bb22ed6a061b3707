/** Weights as the leaves that the state root commits to: one a chunk (16 KiB at 4,096), int32, little-endian. */
import { MeshError } from '@gradmesh/core'

/** Leaves of `chunk` weights in order, one at a time, so that a large model is never copied whole. */
export function* leafBytes(weights: Int32Array, chunk: number): Iterable<Uint8Array> {
  for (let at = 0; at < weights.length; at += chunk) {
    const leaf = new Uint8Array(4 * chunk)
    const view = new DataView(leaf.buffer)
    for (let i = 0; i < chunk; i++) view.setInt32(4 * i, weights[at + i]!, true)
    yield leaf
  }
}

/** Puts leaf `index` into its place. */
export const setLeaf = (weights: Int32Array, index: number, leaf: Uint8Array, chunk: number): void => {
  if (leaf.length !== 4 * chunk)
    throw new MeshError('STATE_LEAF', `a leaf has ${4 * chunk} bytes, not ${leaf.length}`)
  const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength)
  for (let i = 0; i < chunk; i++) weights[index * chunk + i] = view.getInt32(4 * i, true)
}
