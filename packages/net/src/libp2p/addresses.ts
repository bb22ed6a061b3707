/** Between libp2p's peer ids and multiaddrs and the port's hexadecimal keys and texts. */
import { fromHex, toHex } from '@gradmesh/core'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import {
  CODE_IP4,
  CODE_IP6,
  CODE_P2P,
  CODE_P2P_CIRCUIT,
  CODE_TCP,
  type Multiaddr,
  multiaddr
} from '@multiformats/multiaddr'
import { Circuit, TCP } from '@multiformats/multiaddr-matcher'
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

/** @throws `NET_BAD_ADDRESS` unless the text is a TCP multiaddr, or one through a relay that is called by TCP. */
export const parseAddress = (text: string): Multiaddr => {
  let parsed: Multiaddr
  try {
    parsed = multiaddr(text)
  } catch (cause) {
    throw badAddress(text, cause)
  }
  if (!TCP.matches(parsed) && !(Circuit.exactMatch(parsed) && parsed.toString().includes('/tcp/')))
    throw badAddress(text)
  return parsed
}

/** @throws `NET_BAD_ADDRESS` unless the text is a TCP multiaddr of a host itself. */
export const parseDirectAddress = (text: string): Multiaddr => {
  const address = parseAddress(text)
  if (isRelayed(address)) throw badAddress(text)
  return address
}

export const isRelayed = (address: Multiaddr): boolean =>
  address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)

/** The peer that a relayed address goes through. */
export const relayIn = (address: Multiaddr): PeerKey | undefined => {
  if (!isRelayed(address)) return undefined
  const text = address.getComponents().find(({ code }) => code === CODE_P2P)?.value
  return text === undefined ? undefined : keyOf(peerIdFromString(text))
}

/** The IP address that an address begins with. */
export const ipOf = (address: Multiaddr): string | undefined =>
  address.getComponents().find(({ code }) => code === CODE_IP4 || code === CODE_IP6)?.value

/** The peer id at the end of an address, if it names one: behind a relay that of the peer, not the relay's. */
export const peerIdIn = (address: Multiaddr): PeerId | undefined => {
  const components = address.getComponents()
  const circuit = components.findIndex(({ code }) => code === CODE_P2P_CIRCUIT)
  const text = components.slice(circuit + 1).findLast(part => part.code === CODE_P2P)?.value
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
