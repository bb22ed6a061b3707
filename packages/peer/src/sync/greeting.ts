/** The first words on every connection, so that two operators of different meshes or releases learn why. */
import { equalBytes, type Fault, isFault, toHex } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import { decodeHello, encodeHello, type Hello, PROTOCOL_VERSION } from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import { PROTOCOLS } from '../topics.ts'
import { ownHello } from './serving.ts'

/** Null: we belong together. Otherwise the difference, in words for an operator. */
export const differenceTo = (context: Context, hello: Hello | Fault<FaultCode>): string | null => {
  if (isFault(hello))
    return `it greets in a way that this release does not understand: ${hello.fault}${hello.detail ? ` (${hello.detail})` : ''}`
  if (hello.protocol !== PROTOCOL_VERSION) {
    return `it speaks protocol ${hello.protocol} and this peer speaks ${PROTOCOL_VERSION}: the older of the two must be upgraded`
  }
  if (!equalBytes(hello.chainId, context.chainId)) {
    return `it belongs to the mesh ${toHex(hello.chainId).slice(0, 16)} and this peer to ${toHex(context.chainId).slice(0, 16)}`
  }
  return null
}

export const greet = async (context: Context, peer: PeerKey, agent: string): Promise<Hello | undefined> => {
  const { net, log, faults } = context
  try {
    const reply = await net.request(peer, PROTOCOLS.hello.name, encodeHello(ownHello(context, agent)), {
      timeoutMs: 5000,
      maxReplyBytes: PROTOCOLS.hello.replyBytes
    })
    const hello = decodeHello(reply)
    const difference = differenceTo(context, hello)
    if (difference === null) {
      net.welcome(peer)
      return isFault(hello) ? undefined : hello
    }
    faults.count(isFault(hello) ? hello : peerFault('HELLO_DIFFERENT'))
    log.warn({ peer, difference }, 'hung up on a peer')
    await net.hangUp(peer)
  } catch (error) {
    log.debug({ error, peer }, 'a peer did not greet back')
  }
  return undefined
}
