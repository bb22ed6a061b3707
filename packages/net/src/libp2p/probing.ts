/**
 * Peers of one mesh tell each other whether they can be called: the one asks, the other opens a connection of
 * its own to the address at which it sees the asker, checks who answers, and hangs up.
 *
 *   request   count u8, at most 4 · TCP ports u16 little-endian
 *   reply     u8 for each port: 1 when the asker answered there · the address that was called, as text
 *
 * Nobody can be sent to a third party's address, only members are called back, each once in ten seconds.
 * libp2p's own AutoNAT service is not used: js-libp2p's (3.0) finds the connection over which it was asked
 * instead of opening one, and closes it; it wants answers from several networks where a small mesh has one;
 * and it calls no private address, so peers of one site would learn nothing.
 */

import { isIPv4, isIPv6 } from 'node:net'
import { concatBytes, remember, systemClock, utf8 } from '@gradmesh/core'
import type { Connection, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Net, PeerKey } from '../types.ts'
import { ipOf, isRelayed, peerIdOf, portOf } from './addresses.ts'
import type { RelayInside } from './relaying.ts'

export const PROBE_PORTS_MAX = 4
export const PROBE_REQUEST_BYTES_MAX = 1 + 2 * PROBE_PORTS_MAX
const ADDRESS_CHARS_MAX = 45
const PROBE_REPLY_BYTES_MAX = PROBE_PORTS_MAX + ADDRESS_CHARS_MAX
/** A SYN that is lost is sent again after a second. */
const CALL_MS_MAX = 1800
const EACH_EVERY_MS = 10_000
/** Calls at once for all who ask. */
const CALLS_MAX = 8
const ASKERS_MAX = 1024

export const probeProtocol = (chainTag: string): string => `/gradmesh/${chainTag}/reach/1`

export interface ProbeReply {
  /** At which address the other sees us. */
  readonly ip: string
  /** On which ports it got through to us. */
  readonly ports: readonly string[]
}

export const encodePorts = (ports: readonly string[]): Uint8Array => {
  const asked = ports.slice(0, PROBE_PORTS_MAX).map(Number)
  return Uint8Array.from([asked.length, ...asked.flatMap(port => [port & 0xff, port >>> 8])])
}

/** Undefined for bytes that are no such request. */
export const decodePorts = (bytes: Uint8Array): string[] | undefined => {
  const count = bytes[0]
  if (count === undefined || count > PROBE_PORTS_MAX || bytes.length !== 1 + 2 * count) return undefined
  const ports = Array.from({ length: count }, (_, i) => bytes[1 + 2 * i]! | (bytes[2 + 2 * i]! << 8))
  return ports.includes(0) ? undefined : ports.map(String)
}

/** Undefined for bytes that are no answer to this many ports. */
export const decodeProbeReply = (bytes: Uint8Array, asked: readonly string[]): ProbeReply | undefined => {
  const marks = bytes.subarray(0, asked.length)
  const ip = new TextDecoder().decode(bytes.subarray(asked.length))
  if (marks.length < asked.length || marks.some(mark => mark > 1)) return undefined
  if (ip.length > ADDRESS_CHARS_MAX || !(isIPv4(ip) || isIPv6(ip))) return undefined
  return { ip, ports: asked.filter((_, i) => marks[i] === 1) }
}

export const addressAt = (ip: string, port: string): Multiaddr =>
  multiaddr(`/ip${isIPv4(ip) ? 4 : 6}/${ip}/tcp/${port}`)

export interface ProbingInit {
  readonly inside: Pick<RelayInside, 'connectionManager'>
  readonly isMember: (peer: PeerKey) => boolean
  /** A direct connection with the peer. */
  readonly connectionTo: (peer: PeerKey) => Connection | undefined
}

/** Answers those who ask to be called back. */
export class CallingBack {
  readonly #init: ProbingInit
  readonly #calledMs = new Map<PeerKey, number>()
  #calls = 0

  constructor(init: ProbingInit) {
    this.#init = init
  }

  /** An empty answer when the peer is not called back now. */
  async answer(request: Uint8Array, asker: PeerKey): Promise<Uint8Array> {
    const ports = decodePorts(request)
    const id = peerIdOf(asker)
    const connection = this.#init.connectionTo(asker)
    const ip =
      connection === undefined || isRelayed(connection.remoteAddr) ? undefined : ipOf(connection.remoteAddr)
    if (ports === undefined || id === undefined || ip === undefined || !this.#admits(asker))
      return new Uint8Array(0)
    this.#calls++
    try {
      const marks: number[] = []
      for (const port of ports) marks.push((await this.#answersAt(addressAt(ip, port), id)) ? 1 : 0)
      return concatBytes(Uint8Array.from(marks), utf8(ip))
    } finally {
      this.#calls--
    }
  }

  #admits(asker: PeerKey): boolean {
    const now = systemClock.nowMs()
    const before = this.#calledMs.get(asker) ?? Number.NEGATIVE_INFINITY
    if (!this.#init.isMember(asker) || this.#calls >= CALLS_MAX || now - before < EACH_EVERY_MS) return false
    remember(this.#calledMs, asker, now, ASKERS_MAX)
    return true
  }

  async #answersAt(address: Multiaddr, id: PeerId): Promise<boolean> {
    try {
      const connection = await this.#init.inside.connectionManager.openConnection(
        address.encapsulate(`/p2p/${id.toString()}`),
        { force: true, signal: AbortSignal.timeout(CALL_MS_MAX) }
      )
      const isThere = portOf(connection.remoteAddr) === portOf(address)
      if (isThere) await connection.close()
      return isThere
    } catch {
      return false
    }
  }
}

/** Undefined when the peer can't say. */
export const askForCall = async (
  request: Net['request'],
  chainTag: string,
  peer: PeerKey,
  ports: readonly string[]
): Promise<ProbeReply | undefined> => {
  const asked = ports.slice(0, PROBE_PORTS_MAX)
  const reply = await request(peer, probeProtocol(chainTag), encodePorts(asked), {
    timeoutMs: PROBE_PORTS_MAX * CALL_MS_MAX,
    maxReplyBytes: PROBE_REPLY_BYTES_MAX
  })
  return decodeProbeReply(reply, asked)
}
