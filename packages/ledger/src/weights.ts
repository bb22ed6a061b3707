/** Where the model's tensors lie, and what its weights are before the first round. */
import { concatBytes, equalBytes, MeshError, Prng, toHex, utf8 } from '@gradmesh/core'
import { type Layout, makeLayout, paddedLength } from '@gradmesh/delta'
import type { Genesis } from '@gradmesh/wire'
import { tensorDigest } from './roots.ts'

export const layoutOf = ({ tensors, delta }: Genesis): Layout =>
  makeLayout(
    tensors.map(({ name, shape }) => ({ name, length: shape.reduce((product, n) => product * n, 1) })),
    delta
  )

/**
 * Padded weights, unit 2^-24. A tensor without a base is uniform integers in [-initBound, initBound],
 * drawn from a generator seeded by the genesis seed and the tensor's name. One with a base comes from
 * `bases`, unpadded, by name; throws `LEDGER_BASE` when that is missing or not what the genesis names.
 */
export const initialWeights = (
  { seed, tensors }: Genesis,
  layout: Layout,
  bases: ReadonlyMap<string, Int32Array> = new Map()
): Int32Array => {
  const weights = new Int32Array(paddedLength(layout))
  for (const [i, { name, initBound, base }] of tensors.entries()) {
    const { length, firstChunk } = layout.tensors[i]!
    const start = firstChunk * layout.chunk
    if (base !== null) {
      const values = bases.get(name)
      if (values?.length !== length || !equalBytes(tensorDigest(values), base)) {
        throw new MeshError(
          'LEDGER_BASE',
          `the base weights of ${name} are missing or are not the right ones`,
          {
            remedy: 'Fetch the published checkpoint whose digest the genesis names.',
            data: { tensor: name, digest: toHex(base) }
          }
        )
      }
      weights.set(values, start)
    } else if (initBound > 0) {
      const prng = new Prng(concatBytes(seed, utf8(name)))
      for (let j = start; j < start + length; j++) weights[j] = prng.below(2 * initBound + 1) - initBound
    }
  }
  return weights
}
