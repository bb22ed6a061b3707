/** Leads, listens, and never votes; its own blocks reach one peer only. */
import { bendPublish } from './bending.ts'
import type { MeshAdversary } from './types.ts'

export const voteWithholder: MeshAdversary = {
  name: 'vote-withholder',
  twin: false,
  bend: (net, { prng, others, topics, tell }) =>
    bendPublish(net, async (topic, message, pass) => {
      if (topic === topics.votes.name) return
      if (topic !== topics.blocks.name) return pass()
      tell([prng.pick(others)], topic, message)
    })
}
