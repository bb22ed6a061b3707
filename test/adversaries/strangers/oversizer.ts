/** Messages over a topic's limit, over the limit for payloads inside gossip, and over what the model can need. */
import { type DeltaHeader, encodeSignedDeltaHeader, PROTOCOL_VERSION, signDeltaHeader } from '@gradmesh/wire'
import type { Code, Misdeed } from './stranger.ts'

export const oversizer: Misdeed = {
  name: 'oversizer',
  expects: ['NET_MESSAGE_TOO_LONG'],
  async act(stranger) {
    const { header } = await stranger.nextDelta()
    await stranger.say('votes', new Uint8Array(2048))
    await stranger.say('attests', new Uint8Array(1024 * 1024))
    await stranger.say('deltas', stranger.delta(header, new Uint8Array(300 * 1024)))
  }
}

/** Announces a payload that no model of this size has; a registered trainer is told so before anything is pulled. */
export const overAnnouncer = (expects: readonly Code[]): Misdeed => ({
  name: 'over-announcer',
  expects,
  async act(stranger) {
    const { header } = await stranger.nextDelta()
    const huge: DeltaHeader = {
      ...header,
      protocol: PROTOCOL_VERSION,
      trainer: stranger.keys.publicKey,
      payloadBytes: 32 * 1024 * 1024
    }
    const announcement = encodeSignedDeltaHeader(signDeltaHeader(huge, stranger.chainId, stranger.keys))
    await stranger.say('announcements', announcement)
  }
})
