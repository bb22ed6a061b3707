/** The libp2p node: which parts it has and every limit that is set on them, with the reason. */
import { type GossipSub, type GossipsubOpts, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { bootstrap } from '@libp2p/bootstrap'
import { type Identify, identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { pacedRegistrar } from './paced.ts'

export type Services = { identify: Identify; ping: Ping; pubsub: GossipSub }
export type Node = Libp2p<Services>

export interface NodeInit {
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
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

export const mdnsServiceTag = (chainTag: string): string => `_gradmesh-${chainTag}._udp.local`

export const createNode = async (init: NodeInit): Promise<Node> => {
  return createLibp2p<Services>({
    start: false,
    privateKey: init.privateKey,
    nodeInfo: { name: 'gradmesh', version: '1', userAgent: 'gradmesh/1' },
    addresses: { listen: [...init.listen] },
    transports: [tcp({ maxConnections: 2 * init.maxConnections, backlog: 128 })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
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
      dialTimeout: 5000,
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
}

const gossipOptions = ({ topics, scoring }: NodeInit): Partial<GossipsubOpts> => {
  const longest = Math.max(0, ...[...topics.values()].map(({ maxBytes }) => maxBytes))
  // One frame may carry several messages that were asked for by IWANT.
  const frameBytes = Math.max(4 * MiB, 4 * longest)
  return {
    globalSignaturePolicy: 'StrictSign',
    ...scoring,
    // Copies of a message that was verified are told by author and sequence number, before the costly
    // check of their signature. Only verified messages enter this cache, so nobody can plant an id.
    fastMsgIdFn: ({ from, seqno }) => `${Buffer.from(from ?? []).toString('latin1')}/${seqno?.join()}`,
    // A peer that is not in our topics must not make us keep state for topics of its own.
    allowedTopics: [...topics.keys()],
    maxTopicBytesPerPeer: 64 * KiB,
    fallbackToFloodsub: false,
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
