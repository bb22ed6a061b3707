/** Direct requests of one peer, and its answers to those of others. */
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
import type { PeerKey, RequestOptions } from '../types.ts'
import type { Link } from './links.ts'
import type { Here } from './net.ts'

export class MemoryRequests {
  readonly #here: Here

  constructor(here: Here) {
    this.#here = here
  }

  /** Until the reply is there, the time is over, somebody gives up, or the link is cut. */
  async request(
    peer: PeerKey,
    protocol: string,
    message: Uint8Array,
    { timeoutMs, maxReplyBytes, signal, into }: RequestOptions
  ): Promise<Uint8Array> {
    const { hub, links, tally } = this.#here
    if (signal?.aborted === true) throw aborted(peer, protocol)
    const link = links.of(peer)
    if (link === undefined) throw peerGone(peer)
    if (link.requests >= REQUESTS_MAX) throw busy(peer, protocol)
    link.requests++
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const onAbort = (): void => reject(aborted(peer, protocol))
    const onCut = (): void => reject(peerGone(peer))
    const timer = hub.clock.after(timeoutMs, () => reject(timedOut(peer, protocol, timeoutMs)))
    signal?.addEventListener('abort', onAbort, { once: true })
    link.onCut.add(onCut)
    this.#ask(peer, link, protocol, message.slice(), maxReplyBytes).then(resolve, reject)
    try {
      const reply = await promise
      tally.exchanged(protocol, message.length, reply.length)
      if (into === undefined) return reply
      into.set(reply)
      return into.subarray(0, reply.length)
    } finally {
      link.requests--
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      link.onCut.delete(onCut)
    }
  }

  async #ask(
    peer: PeerKey,
    link: Link,
    protocol: string,
    message: Uint8Array,
    maxReplyBytes: number
  ): Promise<Uint8Array> {
    const { self, hub, links } = this.#here
    const other = link.net
    await hub.travel({ from: self, to: peer, name: protocol, message })
    links.count(peer, message.length, 'sent')
    other.links.count(self, message.length, 'received')
    const reply = await other.requests.#answer(self, protocol, message, maxReplyBytes)
    await hub.travel({ from: peer, to: self, name: protocol, message: reply })
    other.links.count(self, reply.length, 'sent')
    links.count(peer, reply.length, 'received')
    return reply
  }

  async #answer(
    from: PeerKey,
    protocol: string,
    message: Uint8Array,
    maxReplyBytes: number
  ): Promise<Uint8Array> {
    const { self, hub, links, registry, tally } = this.#here
    const link = links.of(from)
    if (link === undefined) throw peerGone(self)
    const entry = registry.protocols.get(protocol)
    if (entry === undefined) throw protocolUnknown(self, protocol)
    if (message.length > entry.maxRequestBytes) throw requestTooLong(protocol, message.length)
    if (link.inboundRequests >= REQUESTS_MAX) throw busy(self, protocol)
    link.inboundRequests++
    let reply: Uint8Array
    let tellEnd = (_isTaken: boolean): void => {}
    const leave = await entry.lines.enter(from)
    try {
      const answer = await entry.handler(message, from, listener => {
        tellEnd = listener
      })
      reply = answer.slice()
      tellEnd(true)
    } catch (error) {
      tellEnd(false)
      hub.logger.warn({ peer: from, protocol, error }, 'a request handler failed')
      throw requestFailed(self, protocol)
    } finally {
      leave()
      link.inboundRequests--
    }
    if (reply.length > maxReplyBytes) throw replyTooLong(self, protocol, maxReplyBytes)
    tally.exchanged(protocol, reply.length, message.length)
    return reply
  }
}
