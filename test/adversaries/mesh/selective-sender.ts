/** Follows the rules but lets each of its messages reach only some, and answers only some. */
import { bendNet } from './bending.ts'
import type { MeshAdversary } from './types.ts'

export const selectiveSender: MeshAdversary = {
  name: 'selective-sender',
  twin: false,
  bend: (net, { prng, others, tell }) =>
    bendNet(net, {
      publish: async (topic, message) =>
        tell(
          others.filter(() => prng.oneIn(2)),
          topic,
          message
        ),
      answer: (_, handler) => async (request, from, onEnd) =>
        prng.oneIn(3) ? new Uint8Array() : handler(request, from, onEnd)
    })
}
