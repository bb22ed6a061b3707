/** The libp2p node: which parts it has and every limit that is set on them, with the reason. */
import { type GossipSub, type GossipsubOpts, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { assert } from '@gradmesh/core'
import { bootstrap } from '@libp2p/bootstrap'
import { dcutr } from '@libp2p/dcutr'
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify'
import { type ConnectionGater, type Libp2p, type PrivateKey, serviceCapabilities } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { uPnPNAT } from '@libp2p/upnp-nat'

import { createLibp2p } from 'libp2p'
import type { Allowance } from './allowance.ts'
import { messageId } from './envelope.ts'
import { calmYamux } from './muxing.ts'
import { pacedRegistrar } from './paced.ts'
import { type RelayInside, relayServer, relayTransport } from './relaying.ts'
import { sealing } from './sealing.ts'

/** What is only started and stopped with the node has no type here. */
export type Services = {
  identify: Identify
  identifyPush: IdentifyPush
  pubsub: GossipSub
} & Record<'dcutr' | 'callingBack' | 'ping', unknown>
export type Node = Libp2p<Services>

export interface NodeInit {
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  /** Ask the router to forward a port. */
  readonly upnp: boolean
  /** How fast others may send through us; for whom we relay is the gater's to say. Null: for nobody. */
  readonly relayAllowance: Allowance | null
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  readonly chainTag: string
  readonly maxConnections: number
  readonly topics: ReadonlyMap<string, { readonly maxBytes: number }>
  readonly scoring: Required<Pick<GossipsubOpts, 'scoreParams' | 'scoreThresholds'>>
  readonly gater: ConnectionGater
}

const KiB = 1024
const MiB = 1024 * KiB

const mdnsServiceTag = (chainTag: string): string => `_gradmesh-${chainTag}._udp.local`

/** `inside`: what libp2p shows to its own parts alone; the relay's client side is one of them. */
export const createNode = async (
  init: NodeInit
): Promise<{ readonly node: Node; readonly inside: RelayInside }> => {
  let inside: RelayInside | undefined
  const node = await createLibp2p<Services>({
    start: false,
    privateKey: init.privateKey,
    nodeInfo: { name: 'gradmesh', version: '1', userAgent: 'gradmesh/1' },
    addresses: { listen: [...init.listen], appendAnnounce: [...init.announce] },
    transports: [
      tcp({ maxConnections: 2 * init.maxConnections, backlog: 128 }),
      components => {
        inside = relayTransport(components)
        return inside.transport
      }
    ],
    connectionEncrypters: [sealing()],
    streamMuxers: [
      calmYamux({
        maxInboundStreams: 128,
        maxOutboundStreams: 128,
        // A paused stream holds at most one window, below libp2p's 4 MiB limit for unread bytes.
        streamOptions: { maxStreamWindowSize: MiB }
      })
    ],
    connectionGater: init.gater,
    connectionManager: {
      maxConnections: init.maxConnections,
      // By default 5 a second and 10 half-open are taken from one host: too few for a mesh on one host.
      inboundConnectionThreshold: 64,
      maxIncomingPendingConnections: 64,
      maxParallelDials: 16,
      // A relay is tried last, after addresses that may swallow a call.
      dialTimeout: 8000,
      addressDialTimeout: 2500,
      inboundUpgradeTimeout: 5000,
      // Gossip streams are opened one after the other: one peer that never answers delays the rest.
      outboundStreamProtocolNegotiationTimeout: 5000,
      inboundStreamProtocolNegotiationTimeout: 5000,
      connectionCloseTimeout: 250,
      // The redialler reconnects; libp2p's own gives up after some attempts.
      reconnectRetries: 0
    },
    connectionMonitor: {
      pingInterval: 5000,
      // A peer whose machine is busy with a kernel is not dead.
      pingTimeout: { minTimeout: 15_000, maxTimeout: 30_000 }
    },
    peerDiscovery: [
      ...(init.bootstrap.length === 0
        ? []
        : [
            // The tag keeps these connections when others are pruned; dialling is the redialler's work.
            bootstrap({
              list: [...init.bootstrap],
              timeout: 0,
              tagName: 'bootstrap',
              tagValue: 100,
              tagTTL: Number.POSITIVE_INFINITY
            })
          ]),
      ...(init.mdns ? [mdns({ serviceTag: mdnsServiceTag(init.chainTag), interval: 5000 })] : [])
    ],
    services: {
      identify: identify({ maxMessageSize: 8 * KiB, maxInboundStreams: 4, maxOutboundStreams: 4 }),
      // What others know of our addresses follows when a relay or the router gives us one.
      identifyPush: identifyPush({
        maxMessageSize: 8 * KiB,
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
        // By itself it would also start a timer because a node stops.
        runOnSelfUpdate: false
      }),
      dcutr: dcutr({ timeout: 5000, retries: 1 }),
      ...(init.relayAllowance === null ? {} : { relay: relayServer(init.relayAllowance) }),
      ...(init.upnp ? { upnp: uPnPNAT(UPNP) } : {}),
      // Who confirms addresses is named to libp2p like this: for us, reaching.ts does.
      callingBack: () => ({ [serviceCapabilities]: ['@libp2p/autonat'] }),
      ping: ping({ maxInboundStreams: 4, maxOutboundStreams: 4 }),
      pubsub: ({ privateKey, peerId, peerStore, registrar, connectionManager, logger }) =>
        gossipsub(gossipOptions(init))({
          privateKey,
          peerId,
          peerStore,
          registrar: pacedRegistrar(registrar),
          connectionManager,
          logger
        })
    }
  })
  assert(inside !== undefined, 'libp2p makes its transports first')
  return { node, inside }
}

/**
 * Noting and telling its own addresses is put off for a second, by timers that would keep a process whose node has
 * stopped (libp2p 3.3).
 */
export const lateWork = ({ services }: Node, { addressManager }: RelayInside): { stop(): void }[] => [
  (addressManager as unknown as { _updatePeerStoreAddresses: { stop(): void } })._updatePeerStoreAddresses,
  (services.identifyPush as unknown as { _push: { stop(): void } })._push
]

/** Mapped ports count once a peer has called back on them (reaching.ts), not because the router says so. */
const UPNP = {
  portMappingDescription: 'gradmesh',
  // A router that does not answer is asked again now and then, not every five seconds.
  initialGatewaySearchInterval: 300_000,
  gatewaySearchInterval: 300_000
} as const

const gossipOptions = ({ topics, scoring }: NodeInit): Partial<GossipsubOpts> => {
  const longest = Math.max(0, ...[...topics.values()].map(({ maxBytes }) => maxBytes))
  // One frame may carry several messages that were asked for by IWANT.
  const frameBytes = Math.max(4 * MiB, 4 * longest)
  return {
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: messageId,
    ...scoring,
    // A peer that is not in our topics must not make us keep state for topics of its own.
    allowedTopics: [...topics.keys()],
    maxTopicBytesPerPeer: 64 * KiB,
    fallbackToFloodsub: false,
    // Over a relay, too: its limits are our own, and wide enough for a mesh (relaying.ts).
    runOnLimitedConnection: true,
    emitSelf: false,
    // Four peers: everybody is in everybody's mesh. Many: eight neighbours, four hops reach thousands.
    D: 8,
    Dlo: 6,
    Dhi: 12,
    Dscore: 4,
    Dout: 2,
    Dlazy: 6,
    heartbeatInterval: 700,
    // An own message goes to every neighbour: a vote takes one hop, and hostile mesh peers cannot hold
    // it back. It costs at most maxConnections copies of what the author alone sends.
    floodPublish: true,
    // Peers are found by signed records over an own protocol, not by records that a PRUNE carries.
    doPX: false,
    // Alone on a topic is an ordinary state here: the first peer of a mesh publishes too.
    allowPublishToZeroTopicPeers: true,
    // One message after the other for each peer, so that pacing (paced.ts) bounds what waits.
    awaitRpcHandler: true,
    awaitRpcMessageHandler: true,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    maxInboundDataLength: frameBytes,
    maxOutboundBufferSize: 2 * frameBytes,
    decodeRpcLimits: {
      maxSubscriptions: 64,
      maxMessages: 512,
      maxIhaveMessageIDs: 5000,
      maxIwantMessageIDs: 1000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 256,
      maxPeerInfos: 0
    }
  }
}
