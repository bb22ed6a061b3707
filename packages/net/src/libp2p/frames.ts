/**
 * The wire of direct requests: one frame each way over a fresh stream, integers little-endian.
 *
 *   request   maxReplyBytes u32 · length u32 · bytes
 *   reply     status u8 · length u32 · bytes (none unless status is 0)
 *
 * A frame that claims more than its reader allows, or is followed by more bytes, ends the stream.
 */
import { concatBytes } from '@gradmesh/core'
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

export const replyFrame = (status: number, reply: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(REPLY_HEAD_BYTES + reply.length)
  frame[0] = status
  new DataView(frame.buffer).setUint32(1, reply.length, true)
  frame.set(reply, REPLY_HEAD_BYTES)
  return frame
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
  const parts: Uint8Array[] = []
  let have = 0
  let head: DataView | undefined
  let length = 0
  for await (const chunk of stream) {
    const part = chunk instanceof Uint8Array ? chunk : chunk.subarray()
    parts.push(part)
    have += part.length
    if (head === undefined) {
      if (have < headBytes) continue
      const start = concatBytes(...parts)
      parts.splice(0, parts.length, start)
      head = new DataView(start.buffer, start.byteOffset, headBytes)
      length = head.getUint32(headBytes - 4, true)
      if (length > maxBytes) return 'long'
    }
    if (have > headBytes + length) return 'broken'
    if (have === headBytes + length) return { head, body: concatBytes(...parts).subarray(headBytes) }
  }
  return 'broken'
}
