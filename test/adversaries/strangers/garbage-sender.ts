/** Bytes that are no message, on every topic. */
import type { Misdeed, TopicName } from './stranger.ts'

const TOPICS: readonly TopicName[] = [
  'votes',
  'certificates',
  'blocks',
  'attests',
  'deltas',
  'announcements',
  'transactions'
]

export const garbageSender: Misdeed = {
  name: 'garbage-sender',
  expects: ['WIRE_LENGTH', 'WIRE_TYPE', 'WIRE_CBOR'],
  async act(stranger) {
    await stranger.say('votes', new Uint8Array(0))
    for (const topic of TOPICS) await stranger.say(topic, Uint8Array.of(0xff, ...stranger.prng.bytes(500)))
  }
}
