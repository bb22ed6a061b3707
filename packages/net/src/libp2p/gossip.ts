/** Topics on gossipsub: a validator for each, which asks the handler, and what the port tells of scores. */
import { type GossipSub, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { RPC } from '@chainsafe/libp2p-gossipsub/message'
import type { PeerId } from '@libp2p/interface'
import { messageTooLong, topicUnknown } from '../errors.ts'
import type { Registry } from '../registry.ts'
import type { PeerKey, Verdict } from '../types.ts'
import { type Judge, judge } from '../verdict.ts'
import { keyOf, peerIdOf } from './addresses.ts'
import { enclosed, envelopes } from './envelope.ts'
import { GRAYLIST_BELOW } from './scoring.ts'

/** What the class behind the `GossipSub` type offers beyond it (17.1). */
interface GossipInside {
  getScore(peerId: string): number
  handleReceivedRpc(from: PeerId, frame: RPC): Promise<void>
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  readonly streamsInbound: ReadonlyMap<string, unknown>
}

const results: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject
}

export class Gossip {
  readonly #pubsub: GossipSub & GossipInside
  readonly #registry: Registry
  readonly #judge: Judge
  readonly #enclose = envelopes()

  constructor(pubsub: GossipSub, registry: Registry, judging: Judge) {
    this.#pubsub = pubsub as GossipSub & GossipInside
    this.#registry = registry
    this.#judge = judging
  }

  /** Before the node starts: no message may pass unjudged. */
  validate(): void {
    this.#silenceWhoIsOut()
    for (const [topic, entry] of this.#registry.topics) {
      this.#pubsub.topicValidators.set(topic, async (source, message) => {
        const from = keyOf(source)
        if (from === undefined) return TopicValidatorResult.Reject
        return results[await judge(this.#judge, topic, entry, enclosed(message.data), from)]
      })
    }
  }

  /**
   * What a peer that is out brings would count as seen before anybody judges it, and the same from an honest neighbour
   * as a copy: for a second, until gossipsub's own score has followed, it could hide messages.
   */
  #silenceWhoIsOut(): void {
    const pubsub = this.#pubsub
    const read = pubsub.handleReceivedRpc
    pubsub.handleReceivedRpc = async (from, frame) => {
      const isOut = this.#judge.strikes.isOut(keyOf(from) ?? '')
      if (!isOut) return read.call(pubsub, from, frame)
      for (const { topic } of frame.messages)
        if (this.#registry.topics.has(topic)) this.#judge.metrics.count('net_gossip_unread_total', { topic })
    }
  }

  /** After the node has started: from here on messages come. */
  subscribe(): void {
    for (const topic of this.#registry.topics.keys()) this.#pubsub.subscribe(topic)
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    const entry = this.#registry.topics.get(topic)
    if (entry === undefined) throw topicUnknown(topic)
    if (message.length > entry.maxBytes) throw messageTooLong(topic, message.length, entry.maxBytes)
    this.#judge.tally.sent(topic, message.length)
    await this.#pubsub.publish(topic, this.#enclose(message))
  }

  /** Both gossip streams stand and, if there are topics, the peer has told which it wants. */
  reaches(peer: PeerKey): boolean {
    const id = peerIdOf(peer)
    if (id === undefined || !this.hasStreams(peer)) return false
    const topics = [...this.#registry.topics.keys()]
    return (
      topics.length === 0 ||
      topics.some(topic => this.#pubsub.getSubscribers(topic).some(sub => sub.equals(id)))
    )
  }

  hasStreams(peer: PeerKey): boolean {
    const id = peerIdOf(peer)?.toString() ?? ''
    return this.#pubsub.streamsOutbound.has(id) && this.#pubsub.streamsInbound.has(id)
  }

  score(peer: PeerKey): number {
    return this.#pubsub.getScore(peerIdOf(peer)?.toString() ?? '')
  }

  isGraylisted(peer: PeerKey): boolean {
    return this.#judge.strikes.isOut(peer) || this.isBelowGraylist(peer)
  }

  isBelowGraylist(peer: PeerKey): boolean {
    return this.score(peer) < GRAYLIST_BELOW
  }
}
