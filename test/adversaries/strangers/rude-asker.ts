/** Direct requests that are garbage, cut short, too long, beyond every end, of another mesh and of another protocol. */
import { PROTOCOLS } from '@gradmesh/peer'
import { encodeGetRequest, encodeHello, encodeSyncRequest, PROTOCOL_VERSION } from '@gradmesh/wire'
import type { Misdeed, Stranger } from './stranger.ts'

const U32_MAX = 0xffff_ffff

export const rudeAsker: Misdeed = {
  name: 'rude-asker',
  expects: ['WIRE_CBOR', 'WIRE_LENGTH', 'WIRE_PROTOCOL', 'HELLO_DIFFERENT', 'NET_REQUEST_TOO_LONG'],
  async act(stranger) {
    const hello = {
      protocol: PROTOCOL_VERSION,
      chainId: stranger.prng.bytes(32),
      height: U32_MAX,
      agent: 'rude'
    }
    const digest = stranger.prng.bytes(32)
    const requests: [keyof typeof PROTOCOLS, Uint8Array][] = [
      ['hello', encodeHello(hello)],
      // The version is the last entry of the map, a small integer in one byte.
      ['hello', otherProtocol(encodeHello({ ...hello, chainId: stranger.chainId }))],
      ['hello', stranger.prng.bytes(300)],
      ['hello', new Uint8Array(5000)],
      ['sync', new Uint8Array(0)],
      ['sync', stranger.prng.bytes(1000)],
      ['sync', encodeSyncRequest({ finalHeight: 0, frontier: 0 }).slice(0, 9)],
      ['sync', encodeSyncRequest({ finalHeight: U32_MAX, frontier: U32_MAX })],
      ['get', stranger.prng.bytes(64)],
      ['get', new Uint8Array(64 * 1024)],
      ['get', encodeGetRequest({ what: 'delta', digest, offset: 32 * 1024 * 1024 })],
      ['get', encodeGetRequest({ what: 'leaves', height: U32_MAX, index: 65_535, count: 64 })],
      ['get', encodeGetRequest({ what: 'headers', round: U32_MAX })],
      ['get', encodeGetRequest({ what: 'block', id: digest })]
    ]
    for (const [protocol, request] of requests) await askAll(stranger, protocol, request)
  }
}

const otherProtocol = (hello: Uint8Array): Uint8Array => {
  const at = hello.findIndex((_, i) => new TextDecoder().decode(hello.subarray(i, i + 8)) === 'protocol') + 8
  const copy = hello.slice()
  copy[at] = PROTOCOL_VERSION + 1
  return copy
}

const askAll = async (
  stranger: Stranger,
  protocol: keyof typeof PROTOCOLS,
  request: Uint8Array
): Promise<void> => {
  const { name, replyBytes } = PROTOCOLS[protocol]
  const ask = (peer: string): Promise<unknown> =>
    stranger.net
      .request(peer, name, request, { timeoutMs: 3000, maxReplyBytes: replyBytes })
      .catch(() => undefined)
  await Promise.all(stranger.net.peers().map(({ key }) => ask(key)))
}
