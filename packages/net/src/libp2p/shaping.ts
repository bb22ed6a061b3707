/**
 * Caps on bandwidth. All connections share one bucket each way, and both stand at the sockets, so that
 * framing, encryption and what gossip passes on are counted. A write waits in the socket's own buffer,
 * which holds back whoever writes; a socket that has read too much is not read for a while, and TCP
 * holds back the sender. Only the handshake, some hundred bytes, comes before a socket is shaped.
 */
import type { Socket } from 'node:net'
import { type Clock, TokenBucket } from '@gradmesh/core'

const BURST_SECONDS = 0.25

export interface Bandwidth {
  /** Bytes per second over all connections; null: no cap. */
  readonly upload: number | null
  readonly download: number | null
}

export class Shaper {
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #up: TokenBucket | null
  readonly #down: TokenBucket | null

  constructor({ upload, download }: Bandwidth, clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
    const bucket = (perSecond: number | null): TokenBucket | null =>
      perSecond === null
        ? null
        : new TokenBucket({ perSecond, burst: perSecond * BURST_SECONDS }, clock.nowMs())
    this.#up = bucket(upload)
    this.#down = bucket(download)
  }

  shape(socket: Socket): void {
    if (this.#up !== null) this.#shapeWrites(socket, this.#up)
    if (this.#down !== null) this.#shapeReads(socket, this.#down)
  }

  /** `_write` is how a stream's implementer is handed bytes: one chunk at a time, the next after the callback. */
  #shapeWrites(socket: Socket, bucket: TokenBucket): void {
    const write = socket._write.bind(socket)
    Object.assign(socket, { _writev: null })
    socket._write = (chunk: Uint8Array, encoding, callback) => {
      const wait = bucket.take(chunk.length, this.#clock.nowMs())
      if (wait === 0) write(chunk, encoding, callback)
      else setTimeout(() => write(chunk, encoding, callback), wait)
    }
  }

  /** `push` that answers false ends reading until `_read` is called again. */
  #shapeReads(socket: Socket, bucket: TokenBucket): void {
    const push = socket.push.bind(socket)
    const read = socket._read.bind(socket)
    let timer: NodeJS.Timeout | undefined
    const resume = (wait: number): void => {
      timer ??= setTimeout(() => {
        timer = undefined
        if (!socket.destroyed) read(0)
      }, wait)
    }
    socket._read = size => {
      const wait = bucket.waitMs(this.#clock.nowMs())
      if (wait === 0) read(size)
      else resume(wait)
    }
    socket.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
      const more = push(chunk, encoding)
      const wait = chunk === null ? 0 : bucket.take(chunk.length, this.#clock.nowMs())
      if (wait === 0 || chunk === null) return more
      if (more) resume(wait)
      return false
    }
    socket.once('close', () => clearTimeout(timer))
  }
}
