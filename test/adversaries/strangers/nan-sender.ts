/** A payload of f32 NaN bit patterns under a signature that holds: what a peer sends that exchanges floats. */
import type { Code, Misdeed } from './stranger.ts'

const PATTERNS = [0x7fc0_0000, 0xffff_ffff, 0x7f80_0001]

const nanPayload = (pattern: number, bytes: number): Uint8Array => {
  const payload = new Uint8Array(bytes - (bytes % 4))
  const view = new DataView(payload.buffer)
  for (let at = 0; at < payload.length; at += 4) view.setUint32(at, pattern, true)
  return payload
}

/** A registered trainer is told what is wrong with the payload; nobody else's is looked at. */
export const nanSender = (expects: readonly Code[]): Misdeed => ({
  name: 'nan-sender',
  expects,
  async act(stranger) {
    const { header, payload } = await stranger.nextDelta()
    for (const pattern of PATTERNS)
      await stranger.say('deltas', stranger.delta(header, nanPayload(pattern, payload.length)))
  }
})
