/** The network port: peers are named by their Ed25519 public key in lower-case hexadecimal. */

export type PeerKey = string

/** What to do with a gossiped message: pass on, drop, or drop and lower the sender's score. */
export type Verdict = 'accept' | 'ignore' | 'reject'

export type GossipHandler = (message: Uint8Array, from: PeerKey) => Verdict | Promise<Verdict>
/** `onEnd`: told once nothing reads the reply any more, true; or, false, that this can't be known. */
export type RequestHandler = (
  request: Uint8Array,
  from: PeerKey,
  onEnd: (listener: (isTaken: boolean) => void) => void
) => Promise<Uint8Array>

export interface TopicOptions {
  /** Longer messages are rejected unread. */
  readonly maxBytes: number
}

export interface HandleOptions {
  /** Requests of one peer that are worked on or answered at the same time; the others wait. Unless told: all. */
  readonly atOnce?: number
}

export interface RequestOptions {
  readonly timeoutMs: number
  /** Longer replies are cut off with a `NET_REPLY_TOO_LONG` error. */
  readonly maxReplyBytes: number
  readonly signal?: AbortSignal
  /**
   * Where the reply is put, from its first byte on, at least `maxReplyBytes` long; what is returned lies in it. Once the
   * request is over, however it ended, nothing is written there any more.
   */
  readonly into?: Uint8Array
  /** More of the same kind follow at once: they need not begin anew. */
  readonly inARow?: boolean
}

export interface PeerConnection {
  readonly key: PeerKey
  readonly address: string
  /** Whose relay the connection goes through; null when it is direct. */
  readonly relay: PeerKey | null
  readonly direction: 'inbound' | 'outbound'
  readonly rttMs: number | null
  /** Gossip score; below the graylist threshold a peer's messages are not read. */
  readonly score: number
  readonly graylisted: boolean
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface TopicTraffic {
  /** Sent and received. */
  readonly messages: number
  readonly bytes: number
  /** Of `bytes`, those of messages that this peer published, asked or answered. */
  readonly sentBytes: number
}

export interface Traffic {
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Bytes of gossip payloads and direct requests by topic or protocol, one copy of each message. */
  readonly byTopic: Readonly<Record<string, TopicTraffic>>
}

/** Whether a peer relays for members of its mesh that others can't call; `auto`: when others can call this peer. */
export const RELAY_MODES = ['on', 'off', 'auto'] as const
export type RelayMode = (typeof RELAY_MODES)[number]

/** How far: this machine, the local network, the internet. */
export type Reach = 'host' | 'site' | 'world'

/** Whether others can call this peer. Sentences are for an operator. */
export interface Reachability {
  readonly state: 'unknown' | 'reachable' | 'relayed' | 'cut-off'
  /** From how far away it was called; null unless it is reachable. */
  readonly scope: Reach | null
  /** Who relays for it; empty unless it is relayed. */
  readonly relays: readonly PeerKey[]
  readonly detail: string
  readonly remedy: string | null
}

/** `handle` and `subscribe` come before `start`; everything else after it. */
export interface Net {
  readonly self: PeerKey
  start(): Promise<void>
  stop(): Promise<void>
  /** Multiaddrs, peer id included, that others can dial; those of the widest reach first. */
  addresses(): readonly string[]
  dial(address: string): Promise<PeerKey>
  hangUp(peer: PeerKey): Promise<void>
  /** After this machine slept: drops connections whose other end does not answer, and calls anew at once. */
  recheck(): Promise<void>
  peers(): readonly PeerConnection[]
  onConnect(listener: (peer: PeerKey) => void): void
  onDisconnect(listener: (peer: PeerKey) => void): void
  subscribe(topic: string, options: TopicOptions, handler: GossipHandler): void
  /** Resolves once the message is queued; having no peers is not an error. The own handler is not called. */
  publish(topic: string, message: Uint8Array): Promise<void>
  handle(protocol: string, maxRequestBytes: number, handler: RequestHandler, options?: HandleOptions): void
  request(peer: PeerKey, protocol: string, message: Uint8Array, options: RequestOptions): Promise<Uint8Array>
  traffic(): Traffic
  /** The connected peer has shown that it is of our mesh: each may ask the other to call back and to relay. */
  welcome(peer: PeerKey): void
  reachability(): Reachability
  /** Told once it is known, or at the latest after 8 s, and whenever it changes. */
  onReachability(listener: (reachability: Reachability) => void): void
}
