/** Signs three deltas for each of its rounds, and tells each of the others one of them. */
import { isFault } from '@gradmesh/core'
import { decodeSignedDelta, encodeSignedDelta, signDeltaHeader } from '@gradmesh/wire'
import { bendPublish } from './bending.ts'
import type { MeshAdversary } from './types.ts'

const VERSIONS = 3

export const deltaContradictor: MeshAdversary = {
  name: 'delta-contradictor',
  twin: false,
  bend: (net, { keys, chainId, topics, others, prng, tell }) =>
    bendPublish(net, async (topic, message, pass) => {
      const delta = topic === topics.deltas.name ? decodeSignedDelta(message) : undefined
      if (delta === undefined || isFault(delta)) return pass()
      const versions = Array.from({ length: VERSIONS }, (_, i) => {
        const header = { ...delta.header, steps: 1 + i }
        return encodeSignedDelta({ ...signDeltaHeader(header, chainId, keys), payload: delta.payload })
      })
      const to = others.map(peer => ({ peer, version: prng.below(VERSIONS) }))
      for (const [i, version] of versions.entries())
        tell(
          to.filter(one => one.version === i).map(({ peer }) => peer),
          topic,
          version
        )
    })
}
