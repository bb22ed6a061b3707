/** Between libp2p's peer ids and multiaddrs and the port's hexadecimal keys and texts. */
import { fromHex, toHex } from '@gradmesh/core'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { CODE_IP4, CODE_IP6, CODE_P2P, CODE_TCP, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TCP } from '@multiformats/multiaddr-matcher'
import { badAddress } from '../errors.ts'
import type { PeerKey } from '../types.ts'

/** The raw Ed25519 key in hexadecimal; undefined for peer ids of other kinds, which are no peers of ours. */
export const keyOf = (id: PeerId): PeerKey | undefined =>
  id.type === 'Ed25519' ? toHex(id.publicKey.raw) : undefined

/** Undefined when the text is no Ed25519 key. */
export const peerIdOf = (key: PeerKey): PeerId | undefined => {
  if (!/^[0-9a-f]{64}$/.test(key)) return undefined
  try {
    const raw = fromHex(key)
    return raw instanceof Uint8Array ? peerIdFromPublicKey(publicKeyFromRaw(raw)) : undefined
  } catch {
    return undefined
  }
}

/** @throws `NET_BAD_ADDRESS` unless the text is a TCP multiaddr. */
export const parseAddress = (text: string): Multiaddr => {
  let parsed: Multiaddr
  try {
    parsed = multiaddr(text)
  } catch (cause) {
    throw badAddress(text, cause)
  }
  if (!TCP.matches(parsed)) throw badAddress(text)
  return parsed
}

/** The peer id at the end of an address, if it names one. */
export const peerIdIn = (address: Multiaddr): PeerId | undefined => {
  const text = address.getComponents().findLast(part => part.code === CODE_P2P)?.value
  if (text === undefined) return undefined
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw badAddress(address.toString(), cause)
  }
}

/** The port of a TCP address, as text. */
export const portOf = (address: Multiaddr): string =>
  address.getComponents().find(part => part.code === CODE_TCP)?.value ?? '0'

/** How far an address reaches: a peer out there must not send us to knock at our own doors. */
export const reachOf = (address: Multiaddr): 'host' | 'site' | 'world' => {
  const parts = address.getComponents()
  const ip4 = parts.find(part => part.code === CODE_IP4)?.value
  if (ip4 !== undefined) {
    if (/^(127|0)\./.test(ip4)) return 'host'
    return /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
      ip4
    )
      ? 'site'
      : 'world'
  }
  const ip6 = parts.find(part => part.code === CODE_IP6)?.value
  if (ip6 === undefined) return 'world'
  if (ip6 === '::1' || ip6 === '::') return 'host'
  return /^(fc|fd|fe[89ab])/i.test(ip6) ? 'site' : 'world'
}
