/**
 * Says that it holds every delta, gives its own to one peer alone, and never hands one out: what it attests
 * must be had from others, or not be named.
 */
import { isFault } from '@gradmesh/core'
import { bitmapOf, decodeAttest, decodeGetRequest, encodeAttest, signAttest } from '@gradmesh/wire'
import { bendNet } from './bending.ts'
import type { MeshAdversary } from './types.ts'

export const payloadWithholder: MeshAdversary = {
  name: 'payload-withholder',
  twin: false,
  bend: (net, { prng, others, topics, keys, validator, chainId, genesis, tell }) =>
    bendNet(net, {
      publish: async (topic, message) => {
        if (topic === topics.deltas.name) return tell([prng.pick(others)], topic, message)
        const attest = topic === topics.attests.name ? decodeAttest(message) : undefined
        if (attest === undefined || isFault(attest)) return net.publish(topic, message)
        const known = genesis.validators.length
        const bitmap = bitmapOf(
          Math.max(known, 8 * attest.bitmap.length),
          genesis.validators.map((_, i) => i)
        ).slice(0, attest.bitmap.length)
        await net.publish(topic, encodeAttest(signAttest({ ...attest, bitmap }, validator, chainId, keys)))
      },
      answer: (_, handler) => async (request, from, onEnd) => {
        const asked = decodeGetRequest(request)
        const isPayload = !isFault(asked) && (asked.what === 'delta' || asked.what === 'headers')
        return isPayload ? new Uint8Array() : handler(request, from, onEnd)
      }
    })
}
