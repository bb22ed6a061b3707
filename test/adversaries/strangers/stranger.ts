/**
 * A peer on the real network adapter that keeps to no rule. It knows the genesis, as everybody may, has a
 * key of its own, hears all gossip, and says what the misdeeds in this folder tell it to.
 */
import { MeshError, type Prng, sha256, silentLogger, silentMetrics } from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { chainTag, type FaultCode, type Topics, topicsOf } from '@gradmesh/peer'
import {
  chainIdOf,
  type Digest,
  decodeSignedDelta,
  encodeSignedDelta,
  type Genesis,
  type KeyPair,
  PROTOCOL_VERSION,
  type SignedDelta,
  signDeltaHeader
} from '@gradmesh/wire'

export type TopicName = keyof Topics

/** What honest peers must have counted; the last three are the network's own. */
export type Code = FaultCode | 'NET_MESSAGE_TOO_LONG' | 'NET_REQUEST_TOO_LONG' | 'NET_REQUEST_BROKEN'

export interface Misdeed {
  readonly name: string
  /** Every honest peer counts each of these. */
  readonly expects: readonly Code[]
  /** Done once a round until the codes are counted; at most nine rejections, so that the last is still read. */
  readonly act: (stranger: Stranger) => Promise<void>
}

/** Far above what honest peers take. */
const OWN_BYTES_MAX = 16 * 1024 * 1024
const HEARD_MAX = 64
const PATIENCE_MS = 20_000

export interface StrangerInit {
  readonly genesis: Genesis
  readonly keys: KeyPair
  readonly addresses: readonly string[]
  readonly prng: Prng
}

export class Stranger {
  readonly genesis: Genesis
  readonly keys: KeyPair
  readonly chainId: Digest
  readonly topics: Topics
  readonly prng: Prng
  readonly net: Net
  readonly #heard = new Map<TopicName, Uint8Array[]>()
  #onHeard: () => void = () => {}

  private constructor({ genesis, keys, prng }: StrangerInit, net: Net) {
    this.genesis = genesis
    this.keys = keys
    this.chainId = chainIdOf(genesis)
    this.topics = topicsOf(this.chainId)
    this.prng = prng
    this.net = net
  }

  /** Connected to every address when it resolves. */
  static async meet(init: StrangerInit): Promise<Stranger> {
    const net = await createLibp2pNet({
      secretKey: init.keys.secretKey,
      listen: [],
      bootstrap: [],
      mdns: false,
      chainTag: chainTag(chainIdOf(init.genesis)),
      logger: silentLogger,
      metrics: silentMetrics,
      peerExchange: false
    })
    const stranger = new Stranger(init, net)
    for (const [name, topic] of Object.entries(stranger.topics)) {
      net.subscribe(topic.name, { maxBytes: OWN_BYTES_MAX }, message => {
        stranger.#remember(name as TopicName, message)
        return 'ignore'
      })
    }
    await net.start()
    try {
      await Promise.all(init.addresses.map(address => net.dial(address)))
      await stranger.#until(() => net.peers().length >= init.addresses.length)
    } catch (error) {
      await net.stop()
      throw error
    }
    return stranger
  }

  async leave(): Promise<void> {
    await this.net.stop()
  }

  heard(topic: TopicName): readonly Uint8Array[] {
    return this.#heard.get(topic) ?? []
  }

  say(topic: TopicName, message: Uint8Array): Promise<void> {
    return this.net.publish(this.topics[topic].name, message)
  }

  /** The next honest delta: with it a round has just opened, and its base is known. */
  async nextDelta(): Promise<SignedDelta> {
    const before = this.heard('deltas').at(-1)
    await this.#until(() => this.heard('deltas').at(-1) !== before)
    return this.newestDelta()
  }

  newestDelta(): SignedDelta {
    const delta = decodeSignedDelta(this.heard('deltas').at(-1) ?? new Uint8Array(0))
    if ('fault' in delta) throw new MeshError('STRANGER', 'no honest delta has been heard yet')
    return delta
  }

  /** A delta with a signature of its own that holds, whatever else is wrong with it. */
  delta(
    { round, base, steps = 1 }: { round: number; base: Digest; steps?: number },
    payload: Uint8Array
  ): Uint8Array {
    const header = {
      protocol: PROTOCOL_VERSION,
      trainer: this.keys.publicKey,
      round,
      base,
      steps,
      payloadBytes: payload.length,
      payloadHash: sha256(payload)
    }
    return encodeSignedDelta({ ...signDeltaHeader(header, this.chainId, this.keys), payload })
  }

  #remember(topic: TopicName, message: Uint8Array): void {
    const list = this.#heard.get(topic) ?? []
    list.push(message.slice())
    if (list.length > HEARD_MAX) list.shift()
    this.#heard.set(topic, list)
    this.#onHeard()
  }

  async #until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!condition()) {
      if (performance.now() > deadline) throw new MeshError('STRANGER', `in vain for: ${condition}`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 20)
        this.#onHeard = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}
