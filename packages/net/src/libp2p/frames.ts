/**
 * The wire of direct requests: one frame each way over a fresh stream, integers little-endian.
 *
 *   request   maxReplyBytes u32 · length u32 · bytes
 *   reply     status u8 · length u32 · bytes (none unless status is 0)
 *
 * A frame that claims more than its reader allows, or is followed by more bytes, ends the stream.
 */
import type { Stream } from '@libp2p/interface'

export const STATUS = { ok: 0, failed: 1, busy: 2, requestTooLong: 3, replyTooLong: 4 } as const

export const REQUEST_HEAD_BYTES = 8
export const REPLY_HEAD_BYTES = 5

export const requestFrame = (message: Uint8Array, maxReplyBytes: number): Uint8Array => {
  const frame = new Uint8Array(REQUEST_HEAD_BYTES + message.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, maxReplyBytes, true)
  view.setUint32(4, message.length, true)
  frame.set(message, REQUEST_HEAD_BYTES)
  return frame
}

/** Head and reply apart, so that a long reply is not copied. */
export type ReplyFrame = readonly [head: Uint8Array, reply: Uint8Array]

export const replyFrame = (status: number, reply: Uint8Array): ReplyFrame => {
  const head = new Uint8Array(REPLY_HEAD_BYTES)
  head[0] = status
  new DataView(head.buffer).setUint32(1, reply.length, true)
  return [head, reply]
}

export interface Frame {
  readonly head: DataView
  readonly body: Uint8Array
}

/**
 * Reads one frame whose head ends in its length. `'long'`: it claims more than `maxBytes`; nothing of
 * the body was kept. `'broken'`: the stream ended early or went on after the frame.
 */
export const readFrame = async (
  stream: Stream,
  headBytes: number,
  maxBytes: number
): Promise<Frame | 'long' | 'broken'> => {
  const head = new Uint8Array(headBytes)
  const view = new DataView(head.buffer)
  let body: Uint8Array | undefined
  let have = 0
  for await (const chunk of stream) {
    // A long body is copied once, from the pieces in which it came to where it stays.
    for (const part of chunk instanceof Uint8Array ? [chunk] : chunk) {
      let from = 0
      if (body === undefined) {
        from = Math.min(part.length, headBytes - have)
        head.set(part.subarray(0, from), have)
        have += from
        if (have < headBytes) continue
        const length = view.getUint32(headBytes - 4, true)
        if (length > maxBytes) return 'long'
        body = new Uint8Array(length)
      }
      const at = have - headBytes
      if (at + part.length - from > body.length) return 'broken'
      body.set(part.subarray(from), at)
      have += part.length - from
    }
    if (body !== undefined && have === headBytes + body.length) return { head: view, body }
  }
  return 'broken'
}
