/** Gossip of one peer: each message is judged once, one after the other for each neighbour, and passed on if accepted. */
import { messageTooLong, topicUnknown } from '../errors.ts'
import type { PeerKey } from '../types.ts'
import { judge } from '../verdict.ts'
import type { Link } from './links.ts'
import type { Here } from './net.ts'

/** Messages that wait for one peer from another; more are dropped and counted. */
const QUEUE_MAX = 1024
/** Message ids remembered by a peer, so that each message is judged once. */
const SEEN_MAX = 16_384

export interface Envelope {
  readonly topic: string
  readonly id: string
  readonly author: PeerKey
  readonly message: Uint8Array
}

export class MemoryGossip {
  readonly #here: Here
  readonly #seen = new Set<string>()
  #published = 0

  constructor(here: Here) {
    this.#here = here
  }

  publish(topic: string, message: Uint8Array): void {
    const { self, registry, tally } = this.#here
    const entry = registry.topics.get(topic)
    if (entry === undefined) throw topicUnknown(topic)
    if (message.length > entry.maxBytes) throw messageTooLong(topic, message.length, entry.maxBytes)
    tally.sent(topic, message.length)
    this.#published++
    const envelope = { topic, id: `${self}/${this.#published}`, author: self, message: message.slice() }
    this.#markSeen(envelope.id)
    for (const peer of this.#here.links.peers()) this.#send(peer, envelope)
  }

  #send(peer: PeerKey, envelope: Envelope): void {
    const { self, hub, links } = this.#here
    const link = links.of(peer)
    if (link === undefined) return
    links.count(peer, envelope.message.length, 'sent')
    const { topic, message } = envelope
    const other = link.net.gossip
    // What it has judged by now would be dropped unread when it comes.
    if (other.#seen.has(envelope.id)) return
    if (hub.route !== undefined) {
      for (const delayMs of hub.route({ from: self, to: peer, name: topic, message }))
        hub.clock.after(delayMs, () => other.#arrived(self, envelope))
      return
    }
    if (hub.drawsLoss()) return
    const now = hub.clock.nowMs()
    link.lastArrivalMs = Math.max(link.lastArrivalMs, now + hub.drawDelayMs())
    hub.clock.after(link.lastArrivalMs - now, () => other.#arrived(self, envelope))
  }

  #arrived(from: PeerKey, envelope: Envelope): void {
    const { hub, links } = this.#here
    const link = links.of(from)
    if (link === undefined || !this.#here.isRunning()) return
    links.count(from, envelope.message.length, 'received')
    if (this.#seen.has(envelope.id)) return
    if (link.queue.length >= QUEUE_MAX) {
      hub.metrics.count('net_gossip_dropped_total', { topic: envelope.topic })
      return
    }
    link.queue.push(envelope)
    if (!link.isJudging) void this.#judgeQueue(from, link)
  }

  async #judgeQueue(from: PeerKey, link: Link): Promise<void> {
    const { hub, registry, strikes, tally, links } = this.#here
    const { clock, logger, metrics } = hub
    link.isJudging = true
    for (let next = link.queue.shift(); next !== undefined; next = link.queue.shift()) {
      const entry = registry.topics.get(next.topic)
      if (entry === undefined || this.#seen.has(next.id) || !this.#here.isRunning()) continue
      this.#markSeen(next.id)
      const judging = { clock, strikes, tally, logger, metrics }
      const verdict = await judge(judging, next.topic, entry, next.message, from)
      if (verdict !== 'accept') continue
      for (const peer of links.peers()) {
        if (peer !== from && peer !== next.author) this.#send(peer, next)
      }
    }
    link.isJudging = false
  }

  #markSeen(id: string): void {
    this.#seen.add(id)
    if (this.#seen.size <= SEEN_MAX) return
    const oldest = this.#seen.values().next().value
    if (oldest !== undefined) this.#seen.delete(oldest)
  }
}
