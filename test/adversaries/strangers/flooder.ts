/** As much of everything as the connection takes: what is merely ignored, requests, and at last garbage. */
import { PROTOCOLS } from '@gradmesh/peer'
import { encodeSyncRequest } from '@gradmesh/wire'
import type { Misdeed } from './stranger.ts'

const STALE = 300
const REQUESTS = 200
const GARBAGE = 30

export const flooder: Misdeed = {
  name: 'flooder',
  expects: ['DELTA_EARLY', 'WIRE_TYPE'],
  async act(stranger) {
    const { header, payload } = await stranger.nextDelta()
    const sync = encodeSyncRequest({ finalHeight: 0, frontier: 0 })
    const { name, replyBytes } = PROTOCOLS.sync
    const asked = stranger.net
      .peers()
      .flatMap(({ key }) =>
        Array.from({ length: REQUESTS }, () =>
          stranger.net
            .request(key, name, sync, { timeoutMs: 5000, maxReplyBytes: replyBytes })
            .catch(() => undefined)
        )
      )
    for (let i = 0; i < STALE; i++)
      await stranger.say(
        'deltas',
        stranger.delta({ round: header.round + 1000 + i, base: header.base }, payload)
      )
    for (let i = 0; i < GARBAGE; i++)
      await stranger.say('votes', Uint8Array.of(0xff, ...stranger.prng.bytes(150)))
    await Promise.all(asked)
  }
}
