/** Direct requests over libp2p streams: bounded in bytes, in time and in number, on both sides. */
import type { Logger, Metrics } from '@gradmesh/core'
import { MeshError } from '@gradmesh/core'
import type { Connection, Stream } from '@libp2p/interface'
import {
  aborted,
  busy,
  peerGone,
  protocolUnknown,
  replyTooLong,
  requestFailed,
  requestTooLong,
  timedOut
} from '../errors.ts'
import { REQUESTS_MAX } from '../limits.ts'
import type { ProtocolEntry, Registry } from '../registry.ts'
import type { Tally } from '../tally.ts'
import type { PeerKey, RequestHandler, RequestOptions } from '../types.ts'
import { keyOf } from './addresses.ts'
import {
  type Frame,
  isInARow,
  maxReplyBytesOf,
  REPLY_HEAD_BYTES,
  REQUEST_HEAD_BYTES,
  type ReplyFrame,
  readFrame,
  replyFrame,
  requestFrame,
  STATUS
} from './frames.ts'
import { KeptStreams } from './kept-streams.ts'
import type { Node } from './node.ts'

/** A request must have arrived within this time, and its reply must be taken within it. */
const TRANSFER_MS_MAX = 10_000
/** A handler that takes longer is given up; the asker sees `NET_REQUEST_FAILED`. */
const HANDLER_MS_MAX = 60_000

export interface StreamsInit {
  readonly node: Node
  readonly registry: Registry
  readonly tally: Tally
  readonly logger: Logger
  readonly metrics: Metrics
  readonly connectionTo: (peer: PeerKey) => Connection | undefined
}

export class Streams {
  readonly #init: StreamsInit
  readonly #inbound = new Map<PeerKey, number>()
  readonly #outbound = new Map<PeerKey, number>()
  readonly #open = new Set<Stream>()
  readonly #kept = new KeptStreams(close)
  readonly #stopping = new AbortController()

  constructor(init: StreamsInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    for (const [protocol, entry] of this.#init.registry.protocols) {
      await this.#init.node.handle(
        protocol,
        (stream, connection) => {
          void this.#answer(protocol, entry, stream, connection)
        },
        {
          maxInboundStreams: 2 * REQUESTS_MAX,
          maxOutboundStreams: 2 * REQUESTS_MAX,
          runOnLimitedConnection: true
        }
      )
    }
  }

  stop(): void {
    this.#stopping.abort()
    this.#kept.stop()
    for (const stream of this.#open) stream.abort(new MeshError('NET_STATE', 'the net stops'))
  }

  async request(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    options: RequestOptions
  ): Promise<Uint8Array> {
    const underWay = this.#outbound.get(peer) ?? 0
    if (underWay >= REQUESTS_MAX) throw busy(peer, protocol)
    this.#outbound.set(peer, underWay + 1)
    let outcome = 'ok'
    try {
      const reply = await this.#exchange(peer, protocol, message, options)
      this.#init.tally.exchanged(protocol, message.length, reply.length)
      return reply
    } catch (error) {
      outcome = error instanceof MeshError ? error.code : 'NET_REQUEST_FAILED'
      throw error
    } finally {
      release(this.#outbound, peer)
      this.#init.metrics.count('net_requests_total', { protocol, outcome })
    }
  }

  async #exchange(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    { timeoutMs, maxReplyBytes, signal, into, inARow = false }: RequestOptions
  ): Promise<Uint8Array> {
    if (signal?.aborted === true) throw aborted(peer, protocol)
    const connection = this.#init.connectionTo(peer)
    if (connection === undefined) throw peerGone(peer)
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    const signals = [late.signal, this.#stopping.signal, ...(signal === undefined ? [] : [signal])]
    const any = AbortSignal.any(signals)
    let stream: Stream | undefined
    const cut = (): void => stream?.abort(new MeshError('NET_ABORTED', 'given up'))
    any.addEventListener('abort', cut, { once: true })
    try {
      const ask = async (kept?: Stream): ReturnType<typeof readFrame> => {
        stream = kept ?? (await this.#newStream(connection, protocol, any))
        this.#open.add(stream)
        if (any.aborted) throw aborted(peer, protocol)
        const answer = readFrame(stream, REPLY_HEAD_BYTES, maxReplyBytes, into)
        stream.send(requestFrame(message, maxReplyBytes, inARow))
        const reply = await answer
        if (any.aborted) throw aborted(peer, protocol)
        if (reply !== 'over' || kept === undefined) return reply
        this.#open.delete(stream)
        return ask()
      }
      const reply = await ask(inARow ? this.#kept.take(connection, protocol) : undefined)
      if (reply === 'long') throw replyTooLong(peer, protocol, maxReplyBytes)
      if (reply === 'broken' || reply === 'over') throw peerGone(peer)
      const status = reply.head.getUint8(0)
      if (status === STATUS.requestTooLong) throw requestTooLong(protocol, message.length)
      if (status === STATUS.replyTooLong) throw replyTooLong(peer, protocol, maxReplyBytes)
      if (status === STATUS.busy) throw busy(peer, protocol)
      if (status !== STATUS.ok) throw requestFailed(peer, protocol)
      if (inARow) this.#kept.put(connection, protocol, stream!)
      else close(stream!)
      return reply.body
    } catch (error) {
      stream?.abort(
        error instanceof Error ? error : new MeshError('NET_REQUEST_FAILED', 'the request failed')
      )
      if (late.signal.aborted) throw timedOut(peer, protocol, timeoutMs)
      if (this.#stopping.signal.aborted) throw peerGone(peer)
      if (any.aborted) throw aborted(peer, protocol)
      if (error instanceof MeshError) throw error
      if (error instanceof Error && error.name === 'UnsupportedProtocolError')
        throw protocolUnknown(peer, protocol)
      throw peerGone(peer, error)
    } finally {
      clearTimeout(timer)
      any.removeEventListener('abort', cut)
      if (stream !== undefined) this.#open.delete(stream)
    }
  }

  #newStream(connection: Connection, protocol: string, signal: AbortSignal): Promise<Stream> {
    return connection.newStream(protocol, {
      signal,
      maxOutboundStreams: 2 * REQUESTS_MAX,
      runOnLimitedConnection: true
    })
  }

  async #answer(
    protocol: string,
    entry: ProtocolEntry,
    stream: Stream,
    connection: Connection
  ): Promise<void> {
    const peer = keyOf(connection.remotePeer)
    if (peer === undefined) {
      stream.abort(new MeshError('NET_BAD_ADDRESS', 'peers have Ed25519 keys'))
      return
    }
    const underWay = this.#inbound.get(peer) ?? 0
    if (underWay >= REQUESTS_MAX) {
      await this.#send(stream, replyFrame(STATUS.busy, NOTHING))
      return
    }
    this.#inbound.set(peer, underWay + 1)
    this.#open.add(stream)
    const gone = new AbortController()
    stream.addEventListener('close', () => gone.abort(), { once: true })
    let leave = NO_WAY
    let tellEnd: (isTaken: boolean) => void = NO_WAY
    const onEnd = (listener: (isTaken: boolean) => void): void => {
      tellEnd = listener
    }
    try {
      for (let isFirst = true; ; isFirst = false) {
        const request = await this.#requestOf(entry, stream, isFirst)
        if (request === undefined) return
        // Whoever asks again has taken the reply.
        leave()
        leave = NO_WAY
        tellEnd(true)
        tellEnd = NO_WAY
        leave = await entry.lines.enter(peer)
        if (gone.signal.aborted) return
        const frame =
          'body' in request
            ? await this.#replyTo(protocol, entry, request, { peer, gone: gone.signal, onEnd })
            : request
        if (frame === undefined) return
        if (!('body' in request) || !isInARow(request)) return await this.#send(stream, frame)
        for (const part of frame) if (part.length > 0) stream.send(part)
      }
    } catch (error) {
      this.#init.logger.debug({ peer, protocol, error }, 'a request could not be answered')
      stream.abort(error instanceof Error ? error : new MeshError('NET_REQUEST_FAILED', 'no answer'))
    } finally {
      leave()
      tellEnd(false)
      this.#open.delete(stream)
      release(this.#inbound, peer)
    }
  }

  /** The request; or the frame that refuses it; or nothing, where the stream was broken off or no other follows. */
  async #requestOf(
    { maxRequestBytes }: ProtocolEntry,
    stream: Stream,
    isFirst: boolean
  ): Promise<Frame | ReplyFrame | undefined> {
    const read = await within(TRANSFER_MS_MAX, readFrame(stream, REQUEST_HEAD_BYTES, maxRequestBytes))
    if (read === 'over' && !isFirst) {
      close(stream)
      return undefined
    }
    const request = read === 'over' ? 'broken' : read
    if (request === 'long' || request === 'broken') {
      const code = request === 'long' ? 'NET_REQUEST_TOO_LONG' : 'NET_REQUEST_BROKEN'
      this.#init.metrics.count('gradmesh_faults_total', { code })
    }
    if (request === 'long') return replyFrame(STATUS.requestTooLong, NOTHING)
    if (request === 'broken') {
      stream.abort(new MeshError('NET_REQUEST_FAILED', 'the request is broken'))
      return undefined
    }
    return request
  }

  async #replyTo(
    protocol: string,
    { handler }: ProtocolEntry,
    request: Frame,
    { peer, gone, onEnd }: Asker
  ): Promise<ReplyFrame | undefined> {
    let reply: Uint8Array
    try {
      reply = await within(HANDLER_MS_MAX, handler(request.body, peer, onEnd), gone)
    } catch (error) {
      if (gone.aborted) return undefined
      this.#init.logger.warn({ peer, protocol, error }, 'a request handler failed')
      return replyFrame(STATUS.failed, NOTHING)
    }
    if (reply.length > maxReplyBytesOf(request)) return replyFrame(STATUS.replyTooLong, NOTHING)
    this.#init.tally.exchanged(protocol, reply.length, request.body.length)
    return replyFrame(STATUS.ok, reply)
  }

  /** Sends the frame and sees it off: a peer that does not take it in time loses the stream. */
  async #send(stream: Stream, frame: ReplyFrame): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    stream.addEventListener('close', () => resolve(), { once: true })
    try {
      for (const part of frame) if (part.length > 0) stream.send(part)
      await within(TRANSFER_MS_MAX, Promise.all([stream.close(), closed]))
    } catch (error) {
      stream.abort(
        error instanceof Error ? error : new MeshError('NET_REQUEST_FAILED', 'the reply was not taken')
      )
    }
  }
}

interface Asker {
  readonly peer: PeerKey
  readonly gone: AbortSignal
  readonly onEnd: Parameters<RequestHandler>[2]
}

const NOTHING = new Uint8Array(0)
const NO_WAY = (): void => {}

const close = (stream: Stream): void =>
  void stream.close().catch(() => stream.abort(new MeshError('NET_STATE', 'closing failed')))

const release = (counts: Map<PeerKey, number>, peer: PeerKey): void => {
  const left = (counts.get(peer) ?? 1) - 1
  if (left > 0) counts.set(peer, left)
  else counts.delete(peer)
}

/** Nobody waits for `work` longer than `timeMs`, nor after `gone`. */
const within = async <T>(timeMs: number, work: Promise<T>, gone?: AbortSignal): Promise<T> => {
  const { promise: end, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new MeshError('NET_TIMEOUT', `not done within ${timeMs} ms`)), timeMs)
  const onGone = (): void => reject(new MeshError('NET_PEER_GONE', 'the asker is gone'))
  gone?.addEventListener('abort', onGone, { once: true })
  if (gone?.aborted === true) onGone()
  try {
    return await Promise.race([work, end])
  } finally {
    clearTimeout(timer)
    gone?.removeEventListener('abort', onGone)
  }
}
