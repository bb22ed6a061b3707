/** One delta by its digest, from whoever has it. */
import { equalBytes, isFault, sha256, toHex } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import {
  decodeSignedDeltaHeader,
  deltaDigest,
  encodeGetRequest,
  SIGNED_DELTA_HEADER_BYTES
} from '@gradmesh/wire'
import { type Context, digestOf } from '../context.ts'
import { peerFault } from '../faults.ts'
import { PIECE_BYTES, PROTOCOLS } from '../topics.ts'

const FETCH_TIMEOUT_MS = 5000
/** After so long without a first piece the next source is asked beside it. */
const SILENCE_MS = 1000

/**
 * Pulls a delta's bytes from the first source that gives them. Who sends others than the digest stands for costs a
 * retry; who is silent costs a moment, and then the next is asked too.
 */
export const pullDelta = (
  context: Context,
  digest: string,
  hints: readonly PeerKey[]
): Promise<Uint8Array | undefined> => {
  const others = context.net.peers().map(peer => peer.key)
  const sources = [...new Set([...hints, ...others])].filter(peer => peer !== context.self)
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>()
  let isHeld = false
  let next = 0
  let underWay = 0
  const ask = (): void => {
    const source = sources[next++]
    if (isHeld) return
    if (source === undefined) {
      if (underWay === 0) resolve(undefined)
      return
    }
    underWay++
    const silence = context.clock.after(SILENCE_MS, ask)
    void pullFrom(context, digest, source, () => silence.cancel()).then(bytes => {
      silence.cancel()
      underWay--
      if (bytes === undefined) return ask()
      isHeld = true
      resolve(bytes)
    })
  }
  ask()
  return promise
}

/** Piece by piece; `onAnswer` hears of the first that fits. */
const pullFrom = async (
  { net, log, faults }: Context,
  digest: string,
  source: PeerKey,
  onAnswer: () => void
): Promise<Uint8Array | undefined> => {
  const piece = (offset: number): Promise<Uint8Array> =>
    net.request(
      source,
      PROTOCOLS.get.name,
      encodeGetRequest({ what: 'delta', digest: digestOf(digest), offset }),
      {
        timeoutMs: FETCH_TIMEOUT_MS,
        maxReplyBytes: PROTOCOLS.get.replyBytes
      }
    )
  try {
    let part = await piece(0)
    if (part.length < SIGNED_DELTA_HEADER_BYTES) return undefined
    const announced = decodeSignedDeltaHeader(part.subarray(0, SIGNED_DELTA_HEADER_BYTES))
    if (isFault(announced) || toHex(deltaDigest(announced.header)) !== digest) return undefined
    const whole = new Uint8Array(SIGNED_DELTA_HEADER_BYTES + announced.header.payloadBytes)
    onAnswer()
    for (let at = 0; ; part = await piece(at)) {
      // Whole pieces: a source that gives a byte at a time would be waited for without end.
      if (part.length !== Math.min(PIECE_BYTES, whole.length - at)) return undefined
      whole.set(part, at)
      at += part.length
      if (at === whole.length) break
    }
    if (equalBytes(sha256(whole.subarray(SIGNED_DELTA_HEADER_BYTES)), announced.header.payloadHash))
      return whole
    faults.count(peerFault('DELTA_PAYLOAD_HASH'))
    return undefined
  } catch (error) {
    log.debug({ error, source, digest }, 'a delta could not be pulled')
    return undefined
  }
}
