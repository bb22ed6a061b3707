/**
 * Bytes that really crossed each connection, handshake, framing and encryption included: read from the
 * TCP sockets' own counters. libp2p shows a connection with its authenticated peer to the gater, and
 * that is the one place where both are known. So whatever else is done to a socket once its handshake is over begins
 * here.
 */
import type { Socket } from 'node:net'
import type { MultiaddrConnection } from '@libp2p/interface'
import type { PeerKey } from '../types.ts'
import { corkWrites } from './corking.ts'
import { plainAddress } from './roaming.ts'
import { giveBackMemory } from './sealing.ts'
import type { Shaper } from './shaping.ts'

export interface Bytes {
  readonly sent: number
  readonly received: number
}

export class Meter {
  readonly #shaper: Pick<Shaper, 'shape'> | undefined
  readonly #open = new Map<Socket, PeerKey>()
  /** Connections through a relay. Their bytes cross the relay's socket and count there. */
  readonly #relayed = new Map<MultiaddrConnection, PeerKey>()
  readonly #closed = { sent: 0, received: 0 }

  /** What it counts it also slows where there are caps. */
  constructor(shaper?: Pick<Shaper, 'shape'>) {
    this.#shaper = shaper
  }

  track(peer: PeerKey, connection: MultiaddrConnection): void {
    const { socket } = connection as MultiaddrConnection & { readonly socket?: Socket }
    if (socket === undefined) {
      this.#relayed.set(connection, peer)
      connection.addEventListener('close', () => this.#relayed.delete(connection), { once: true })
      return
    }
    if (this.#open.has(socket)) return
    this.#open.set(socket, peer)
    giveBackMemory(socket)
    corkWrites(socket)
    this.#shaper?.shape(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#closed.sent += socket.bytesWritten
      this.#closed.received += socket.bytesRead
    })
  }

  /** Ends what was connected from these addresses of this machine. */
  cut(addresses: readonly string[]): void {
    for (const socket of [...this.#open.keys()])
      if (addresses.includes(plainAddress(socket.localAddress ?? ''))) socket.destroy()
  }

  /** Over the open connections with one peer. */
  of(peer: PeerKey): Bytes {
    return sum([...this.#open].filter(([, key]) => key === peer).map(([socket]) => socket))
  }

  /** Connections that are open with one peer. */
  connections(peer: PeerKey): number {
    return [...this.#open.values(), ...this.#relayed.values()].filter(key => key === peer).length
  }

  /** Over all connections since the start. */
  total(): Bytes {
    const open = sum([...this.#open.keys()])
    return { sent: open.sent + this.#closed.sent, received: open.received + this.#closed.received }
  }
}

const sum = (sockets: readonly Socket[]): Bytes =>
  sockets.reduce(
    (bytes, socket) => ({
      sent: bytes.sent + socket.bytesWritten,
      received: bytes.received + socket.bytesRead
    }),
    { sent: 0, received: 0 }
  )
