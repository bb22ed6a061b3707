/**
 * The wire of direct requests: one frame each way over a fresh stream, integers little-endian.
 *
 *   request   maxReplyBytes u32 · length u32 · bytes
 *   reply     status u8 · length u32 · bytes (none unless status is 0)
 *
 * A frame that claims more than its reader allows, or is followed by more bytes, ends the stream.
 */
import type { Stream, StreamMessageEvent } from '@libp2p/interface'

export const STATUS = { ok: 0, failed: 1, busy: 2, requestTooLong: 3, replyTooLong: 4 } as const

export const REQUEST_HEAD_BYTES = 8
export const REPLY_HEAD_BYTES = 5

/** Set beside `maxReplyBytes` where the asker may send another request on the stream once it has the reply. */
const IN_A_ROW = 0x8000_0000

export const requestFrame = (message: Uint8Array, maxReplyBytes: number, inARow = false): Uint8Array => {
  const frame = new Uint8Array(REQUEST_HEAD_BYTES + message.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, Math.min(maxReplyBytes, IN_A_ROW - 1) + (inARow ? IN_A_ROW : 0), true)
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

export const isInARow = ({ head }: Frame): boolean => head.getUint32(0, true) >= IN_A_ROW

export const maxReplyBytesOf = ({ head }: Frame): number => head.getUint32(0, true) % IN_A_ROW

/**
 * Reads one frame whose head ends in its length, into `into` where that is given. `'long'`: it claims more than
 * `maxBytes`; nothing of the body was kept. `'broken'`: it went on after the frame, or the stream ended within it.
 * `'over'`: the stream ended before it.
 */
export const readFrame = (
  stream: Stream,
  headBytes: number,
  maxBytes: number,
  into?: Uint8Array
): Promise<Frame | 'long' | 'broken' | 'over'> => {
  const { promise, resolve } = Promise.withResolvers<Frame | 'long' | 'broken' | 'over'>()
  const head = new Uint8Array(headBytes)
  const view = new DataView(head.buffer)
  let body: Uint8Array | undefined
  let have = 0
  const end = (frame: Frame | 'long' | 'broken' | 'over'): void => {
    stream.removeEventListener('message', onMessage)
    for (const event of ENDS) stream.removeEventListener(event, onEnd)
    resolve(frame)
  }
  const onEnd = (): void => end(have === 0 ? 'over' : 'broken')
  /** The frame, once it is whole or past saving. */
  const take = (part: Uint8Array): Frame | 'long' | 'broken' | undefined => {
    let from = 0
    if (body === undefined) {
      from = Math.min(part.length, headBytes - have)
      head.set(part.subarray(0, from), have)
      have += from
      if (have < headBytes) return undefined
      const length = view.getUint32(headBytes - 4, true)
      if (length > maxBytes) return 'long'
      body = into === undefined ? new Uint8Array(length) : into.subarray(0, length)
    }
    const at = have - headBytes
    if (at + part.length - from > body.length) return 'broken'
    body.set(part.subarray(from), at)
    have += part.length - from
    return have === headBytes + body.length ? { head: view, body } : undefined
  }
  const onMessage = ({ data }: StreamMessageEvent): void => {
    let frame: ReturnType<typeof take>
    // A long body is copied once, from the pieces in which it came to where it stays.
    for (const part of data instanceof Uint8Array ? [data] : data) {
      frame = take(part)
      if (typeof frame === 'string') break
    }
    if (frame !== undefined) end(frame)
  }
  for (const event of ENDS) stream.addEventListener(event, onEnd)
  stream.addEventListener('message', onMessage)
  if (stream.remoteWriteStatus === 'closed' && stream.readBufferLength === 0) onEnd()
  return promise
}

const ENDS = ['remoteCloseWrite', 'end', 'close'] as const
