/** The operating failures of the network port, each made in one place. Codes are listed in the README. */
import { MeshError, type MeshErrorInit } from '@gradmesh/core'

const short = (key: string): string => (key.length > 16 ? `${key.slice(0, 12)}…` : key)

export const badAddress = (address: string, cause?: unknown): MeshError =>
  new MeshError('NET_BAD_ADDRESS', `not an address that can be used here: ${address.slice(0, 200)}`, {
    remedy: 'give a multiaddr such as /ip4/192.0.2.7/tcp/4190/p2p/12D3Koo…',
    ...(cause === undefined ? {} : { cause })
  })

export const portInUse = (address: string, port: string, cause: unknown): MeshError =>
  new MeshError('NET_PORT_IN_USE', `port ${port} is taken: cannot listen on ${address}`, {
    remedy: `stop the program that holds TCP port ${port}, or choose another port with --p2p-port (0 picks a free one)`,
    cause,
    data: { address, port: Number(port) }
  })

export const listenFailed = (addresses: readonly string[], cause: unknown): MeshError =>
  new MeshError('NET_LISTEN_FAILED', `cannot listen on ${addresses.join(', ')}: ${whyNot(cause)}`, {
    remedy:
      'check that the address belongs to this machine (`ip addr`), and that the port is allowed: those below 1024 are for root',
    cause
  })

export const dialFailed = (address: string, cause?: unknown): MeshError =>
  new MeshError('NET_DIAL_FAILED', `nobody answered at ${address}: ${messageOf(cause)}`, {
    remedy:
      'check that the peer runs, that its address and peer id are right, and that no firewall is between',
    ...(cause === undefined ? {} : { cause })
  })

export const peerGone = (peer: string, cause?: unknown): MeshError =>
  new MeshError('NET_PEER_GONE', `peer ${short(peer)} is not connected`, {
    remedy: 'ask another peer; a known peer is redialled by itself',
    ...(cause === undefined ? {} : { cause }),
    data: { peer }
  })

export const timedOut = (peer: string, protocol: string, timeoutMs: number): MeshError =>
  new MeshError('NET_TIMEOUT', `no answer on ${protocol} from ${short(peer)} within ${timeoutMs} ms`, {
    remedy: 'ask another peer, or allow more time',
    data: { peer, protocol, timeoutMs }
  })

export const aborted = (peer: string, protocol: string): MeshError =>
  new MeshError('NET_ABORTED', `the request on ${protocol} to ${short(peer)} was given up by its caller`, {
    data: { peer, protocol }
  })

export const replyTooLong = (peer: string, protocol: string, maxReplyBytes: number): MeshError =>
  new MeshError('NET_REPLY_TOO_LONG', `the answer on ${protocol} is longer than ${maxReplyBytes} bytes`, {
    remedy: 'ask for less at once',
    data: { peer, protocol, maxReplyBytes }
  })

export const requestTooLong = (protocol: string, bytes: number): MeshError =>
  new MeshError('NET_REQUEST_TOO_LONG', `a request of ${bytes} bytes is longer than ${protocol} takes`, {
    remedy: 'send less at once',
    data: { protocol, bytes }
  })

export const messageTooLong = (topic: string, bytes: number, maxBytes: number): MeshError =>
  new MeshError('NET_MESSAGE_TOO_LONG', `${bytes} bytes are more than topic ${topic} carries (${maxBytes})`, {
    remedy: 'announce the payload by digest and let peers pull it',
    data: { topic, bytes, maxBytes }
  })

export const topicUnknown = (topic: string): MeshError =>
  new MeshError('NET_TOPIC_UNKNOWN', `topic ${topic} was not subscribed before start`, {
    remedy: 'subscribe to every topic that is published on, before start()'
  })

export const protocolUnknown = (peer: string, protocol: string): MeshError =>
  new MeshError('NET_PROTOCOL_UNKNOWN', `peer ${short(peer)} does not speak ${protocol}`, {
    remedy: 'the peer may belong to another mesh or run another version',
    data: { peer, protocol }
  })

export const busy = (peer: string, protocol: string, init: MeshErrorInit = {}): MeshError =>
  new MeshError('NET_BUSY', `too many requests under way with ${short(peer)}`, {
    remedy: 'wait for earlier requests, or ask another peer',
    data: { peer, protocol },
    ...init
  })

export const requestFailed = (peer: string, protocol: string, cause?: unknown): MeshError =>
  new MeshError('NET_REQUEST_FAILED', `peer ${short(peer)} could not answer on ${protocol}`, {
    remedy: 'ask another peer',
    ...(cause === undefined ? {} : { cause }),
    data: { peer, protocol }
  })

export const wrongState = (what: string): MeshError =>
  new MeshError('NET_STATE', what, { remedy: 'subscribe and handle first, then start once, then the rest' })

export const badOptions = (what: string): MeshError =>
  new MeshError('NET_OPTIONS', what, { remedy: 'correct the option' })

/** What the system said: libp2p's own sentence is about its settings. */
const whyNot = (cause: unknown): string =>
  cause instanceof Error
    ? (/\b(E[A-Z]+: [^\n]+)/.exec(cause.message)?.[1] ?? messageOf(cause))
    : messageOf(cause)

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split('\n')[0] ?? cause.name) : 'no answer'
