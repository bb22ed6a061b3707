/**
 * Peers tell each other whom they know, so that one address in a ticket opens the whole mesh. What is
 * passed on are the records that each peer signed about its own addresses: nobody can send us to an
 * address that its owner did not claim. Addresses of narrower reach than the connection that told of
 * them are left out: a stranger on the internet must not make us call hosts of our own network.
 *
 *   request   nothing
 *   reply     count u8, then so many times: key 32 bytes · length u16 little-endian · signed libp2p peer record
 */
import { concatBytes, fromHex, type Logger, toHex } from '@gradmesh/core'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { isAtLeast, reachOf } from '../reach.ts'
import type { Net, PeerKey } from '../types.ts'
import { peerIdOf } from './addresses.ts'
import type { Node } from './node.ts'

const RECORDS_MAX = 32
/** The key and the signature in it alone. A list of empty ones would hold ten times its bytes. */
const RECORD_BYTES_MIN = 100
const RECORD_BYTES_MAX = 2048
const ADDRESSES_MAX = 8
const HEAD_BYTES = 34
export const PEERS_REPLY_BYTES_MAX = 1 + RECORDS_MAX * (HEAD_BYTES + RECORD_BYTES_MAX)

export const peersProtocol = (chainTag: string): string => `/gradmesh/${chainTag}/peers/1`

export interface Known {
  readonly key: PeerKey
  /** The record as its owner signed it. */
  readonly record: Uint8Array
}

const isRecordSize = (bytes: number): boolean => bytes >= RECORD_BYTES_MIN && bytes <= RECORD_BYTES_MAX

export const encodePeers = (known: readonly Known[]): Uint8Array => {
  const fit = known.filter(({ record }) => isRecordSize(record.length)).slice(0, RECORDS_MAX)
  return concatBytes(
    Uint8Array.of(fit.length),
    ...fit.flatMap(({ key, record }) => [
      fromHex(key) as Uint8Array,
      Uint8Array.of(record.length & 0xff, record.length >>> 8),
      record
    ])
  )
}

/** Undefined for bytes that are no such list. */
export const decodePeers = (bytes: Uint8Array): Known[] | undefined => {
  const count = bytes[0]
  if (count === undefined || count > RECORDS_MAX) return undefined
  const known: Known[] = []
  let at = 1
  for (let i = 0; i < count; i++) {
    if (at + HEAD_BYTES > bytes.length) return undefined
    const length = bytes[at + 32]! | (bytes[at + 33]! << 8)
    const end = at + HEAD_BYTES + length
    if (!isRecordSize(length) || end > bytes.length) return undefined
    known.push({ key: toHex(bytes.subarray(at, at + 32)), record: bytes.slice(at + HEAD_BYTES, end) })
    at = end
  }
  return at === bytes.length ? known : undefined
}

export interface ExchangeInit {
  readonly node: Node
  readonly self: PeerKey
  readonly chainTag: string
  readonly logger: Logger
  readonly request: Net['request']
  readonly addressOf: (peer: PeerKey) => Multiaddr | undefined
  readonly isWanted: (peer: PeerKey) => boolean
  /** A peer that we did not know; its addresses name it. */
  readonly onPeer: (peer: PeerKey, addresses: readonly Multiaddr[]) => void
}

/** What we answer: the records of the peers that we are connected to and that are of the same mesh. */
export const knownPeers = async (
  { node, chainTag }: Pick<ExchangeInit, 'node' | 'chainTag'>,
  peers: readonly PeerKey[],
  asker: PeerKey
): Promise<Uint8Array> => {
  const known: Known[] = []
  for (const key of peers) {
    const id = peerIdOf(key)
    if (key === asker || id === undefined || known.length >= RECORDS_MAX) continue
    const peer = await node.peerStore.get(id).catch(() => undefined)
    const record = peer?.peerRecordEnvelope
    if (record !== undefined && peer?.protocols.includes(peersProtocol(chainTag))) known.push({ key, record })
  }
  return encodePeers(known)
}

/** Asks one peer whom it knows and hands on those that are new to us. */
export const askForPeers = async (init: ExchangeInit, peer: PeerKey): Promise<void> => {
  const protocol = peersProtocol(init.chainTag)
  let reply: Uint8Array
  try {
    reply = await init.request(peer, protocol, new Uint8Array(0), {
      timeoutMs: 5000,
      maxReplyBytes: PEERS_REPLY_BYTES_MAX
    })
  } catch (error) {
    init.logger.debug({ peer, error }, 'a peer did not say whom it knows')
    return
  }
  const from = init.addressOf(peer)
  for (const { key, record } of decodePeers(reply) ?? []) {
    const id = peerIdOf(key)
    if (id === undefined || key === init.self || from === undefined || !init.isWanted(key)) continue
    try {
      await init.node.peerStore.consumePeerRecord(record, { expectedPeer: id })
      init.onPeer(key, await claimedAddresses(init.node, id, from))
    } catch (error) {
      init.logger.debug({ peer, error }, 'a peer passed on a record that does not hold')
    }
  }
}

/** The addresses that a peer signed for, as far as whoever is at `from` may send us there. */
export const claimedAddresses = async (node: Node, id: PeerId, from: Multiaddr): Promise<Multiaddr[]> => {
  const { addresses } = await node.peerStore.get(id)
  return addresses
    .filter(({ isCertified, multiaddr }) => isCertified && isWithinReach(multiaddr, from))
    .slice(0, ADDRESSES_MAX)
    .map(({ multiaddr }) => multiaddr.encapsulate(`/p2p/${id.toString()}`))
}

const isWithinReach = (address: Multiaddr, from: Multiaddr): boolean =>
  isAtLeast(reachOf(address.toString()), reachOf(from.toString()))
