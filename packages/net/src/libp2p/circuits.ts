/**
 * What flows through this peer when it relays for two others. libp2p's relay joins the two streams by
 * queues without bounds, one of which nobody ever reads: fine for its default limit of 128 KiB, ruinous
 * for circuits that a mesh lives on. Its streams are therefore shown to it as views: while the two sides
 * shake hands a view is the stream itself, afterwards it is a pair of source and sink that reads no more
 * than the other side takes, and no faster than the sender's budget allows.
 */

import { MeshError } from '@gradmesh/core'
import type { CircuitRelayServerComponents, CircuitRelayTransportComponents } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId, Stream, StreamHandler } from '@libp2p/interface'
import type { PeerKey } from '../types.ts'
import { keyOf } from './addresses.ts'
import type { Allowance } from './allowance.ts'
import { paced } from './paced.ts'
import { replacing } from './replacing.ts'

type Registrar = CircuitRelayTransportComponents['registrar']

/** For libp2p's relay server: every stream that it is given or opens is a view. */
export const circuitComponents = (
  components: CircuitRelayServerComponents,
  allowance: Allowance
): CircuitRelayServerComponents => {
  const {
    registrar,
    peerStore,
    addressManager,
    peerId,
    privateKey,
    connectionManager,
    connectionGater,
    logger
  } = components
  const view = (stream: Stream, peer: PeerId): Stream => circuitView(stream, keyOf(peer) ?? '', allowance)
  return {
    registrar: handling(
      registrar,
      handler => (stream, connection) => handler(view(stream, connection.remotePeer), connection)
    ),
    peerStore,
    addressManager,
    peerId,
    privateKey,
    connectionManager: replacing(connectionManager, 'getConnections', (peer?: PeerId) =>
      connectionManager
        .getConnections(peer)
        .map(connection =>
          replacing(connection, 'newStream', async (...args: Parameters<Connection['newStream']>) =>
            view(await connection.newStream(...args), connection.remotePeer)
          )
        )
    ),
    connectionGater,
    logger
  }
}

/**
 * For libp2p's relay transport: calls come through peers that were asked to relay, and through no others. By
 * itself it would take whoever brings a call for a relay of ours, and tell others of it.
 */
export const callsThroughOwnRelays = (registrar: Registrar, isRelay: (peer: PeerId) => boolean): Registrar =>
  handling(registrar, handler => (stream, connection) => {
    if (isRelay(connection.remotePeer)) return handler(stream, connection)
    stream.abort(new MeshError('NET_STATE', 'only peers that were asked to relay may bring calls'))
  })

const handling = (registrar: Registrar, wrap: (handler: StreamHandler) => StreamHandler): Registrar =>
  replacing(registrar, 'handle', (async (protocol, handler, options) =>
    registrar.handle(protocol, wrap(handler), options)) satisfies Registrar['handle'])

/** Exported for its test. */
export const circuitView = (stream: Stream, sender: PeerKey, allowance: Allowance): Stream => {
  let isJoined = false
  const duplex = {
    source: (async function* () {
      for await (const piece of paced(stream)) {
        const waitMs = allowance.take(sender, piece.byteLength)
        if (waitMs > 0) await new Promise(resolve => setTimeout(resolve, waitMs).unref())
        yield piece
      }
    })(),
    sink: async (source: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const piece of source) {
        if (stream.writeStatus !== 'writable') return
        if (!stream.send(piece)) await stream.onDrain()
      }
      await stream.close()
    }
  }
  return new Proxy(stream, {
    get(target, property) {
      // The handshake is over when its reader lets go of the stream.
      if (property === 'removeEventListener')
        return (...args: Parameters<Stream['removeEventListener']>): void => {
          if (args[0] === 'message') isJoined = true
          target.removeEventListener(...args)
        }
      if (isJoined && property === 'addEventListener') return undefined
      if (isJoined && (property === 'source' || property === 'sink')) return duplex[property]
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
