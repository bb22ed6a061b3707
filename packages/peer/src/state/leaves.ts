/** Weights as the leaves that the state root commits to: one a chunk (16 KiB at 4,096), int32, little-endian. */
import { MeshError } from '@gradmesh/core'

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

const bytesOf = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength)

/** Leaves of `chunk` weights in order, one at a time, so that a large model is never copied whole. */
export function* leafBytes(weights: Int32Array, chunk: number): Iterable<Uint8Array> {
  for (let at = 0; at < weights.length; at += chunk) {
    if (isLittleEndian) {
      yield bytesOf(weights.subarray(at, at + chunk))
      continue
    }
    const leaf = new Uint8Array(4 * chunk)
    const view = new DataView(leaf.buffer)
    for (let i = 0; i < chunk; i++) view.setInt32(4 * i, weights[at + i]!, true)
    yield leaf
  }
}

/** Puts leaves, one after the other from leaf `first` on, into their places. */
export const setLeaves = (weights: Int32Array, first: number, leaves: Uint8Array, chunk: number): void => {
  if (leaves.length % (4 * chunk) !== 0)
    throw new MeshError('STATE_LEAF', `leaves have ${4 * chunk} bytes each, not ${leaves.length}`)
  if (isLittleEndian) {
    bytesOf(weights).set(leaves, 4 * first * chunk)
    return
  }
  const view = new DataView(leaves.buffer, leaves.byteOffset, leaves.byteLength)
  for (let i = 0; i < leaves.length / 4; i++) weights[first * chunk + i] = view.getInt32(4 * i, true)
}
