import { concatBytes, MeshError, Prng, sha256 } from '@gradmesh/core'
import t from 'tap'
import { type FetchPieces, fetchPieces, PIECE_BYTES } from '../src/pieces.ts'
import type { Net, PeerKey } from '../src/types.ts'
import { codeOf } from './fixtures/local.ts'

const object = new Prng('pieces').bytes(3 * PIECE_BYTES + 17)
type Peer = (offset: number, length: number) => Promise<Uint8Array>

const honest: Peer = async (offset, length) => object.slice(offset, offset + length)
const liar: Peer = async (offset, length) => {
  const piece = await honest(offset, length)
  piece[0]! ^= 1
  return piece
}
const absent: Peer = async () => {
  throw new MeshError('NET_PEER_GONE', 'gone')
}
const short: Peer = async (offset, length) => (await honest(offset, length)).subarray(1)

const ask = (offset: number, length: number): Uint8Array => {
  const request = new Uint8Array(8)
  new DataView(request.buffer).setUint32(0, offset, true)
  new DataView(request.buffer).setUint32(4, length, true)
  return request
}

const setting = (peers: Readonly<Record<string, Peer>>) => {
  const asked: PeerKey[] = []
  const lies: PeerKey[] = []
  const net: Pick<Net, 'request'> = {
    request: async (peer, _protocol, message, { maxReplyBytes }) => {
      asked.push(peer)
      const view = new DataView(message.buffer)
      const reply = await peers[peer]!(view.getUint32(0, true), view.getUint32(4, true))
      if (reply.length > maxReplyBytes) throw new MeshError('NET_REPLY_TOO_LONG', 'too long')
      return reply
    }
  }
  const options: FetchPieces = {
    net,
    peers: Object.keys(peers),
    protocol: '/test/get',
    ask,
    size: object.length,
    maxBytes: object.length,
    digest: sha256(object),
    onLie: peer => lies.push(peer)
  }
  return { options, asked, lies }
}

t.test('several peers share the work', async t => {
  const { options, asked } = setting({ a: honest, b: honest, c: honest })
  t.strictSame(await fetchPieces(options), object)
  t.equal(asked.length, 4, 'each piece once')
  t.strictSame([...new Set(asked)].sort(), ['a', 'b', 'c'])
})

t.test('those who fail or answer short are passed over', async t => {
  const { options, lies } = setting({ a: absent, b: short, c: honest })
  t.strictSame(await fetchPieces(options), object)
  t.strictSame(lies, [])
})

t.test('a liar is found and named, and the object had from the others', async t => {
  const { options, lies } = setting({ a: liar, b: honest, c: honest })
  t.strictSame(await fetchPieces(options), object)
  t.strictSame(lies, ['a'])
})

t.test('a lone liar is named too', async t => {
  const { options, lies } = setting({ a: liar })
  t.equal(await codeOf(fetchPieces(options)), 'NET_PIECES_UNAVAILABLE')
  t.strictSame(lies, ['a'])
})

t.test('nobody, nothing and too much', async t => {
  t.equal(await codeOf(fetchPieces(setting({}).options)), 'NET_PIECES_UNAVAILABLE')
  t.equal(await codeOf(fetchPieces(setting({ a: absent, b: absent }).options)), 'NET_PIECES_UNAVAILABLE')
  const { options, asked } = setting({ a: honest })
  t.strictSame(
    await fetchPieces({ ...options, size: 0, digest: sha256(new Uint8Array(0)) }),
    new Uint8Array(0)
  )
  for (const size of [-1, 0.5, Number.NaN, object.length + 1]) {
    t.equal(await codeOf(fetchPieces({ ...options, size })), 'NET_PIECES_TOO_LONG')
  }
  t.strictSame(asked, [], 'nobody was asked')
})

t.test('the caller may give up', async t => {
  const { options } = setting({ a: honest })
  t.equal(await codeOf(fetchPieces({ ...options, signal: AbortSignal.abort() })), 'NET_ABORTED')
})

t.test('replies may carry more than the piece', async t => {
  const { options } = setting({
    a: async (offset, length) => concatBytes(Uint8Array.of(1), await honest(offset, length))
  })
  const got = await fetchPieces({ ...options, replyOverheadBytes: 1, pieceIn: reply => reply.subarray(1) })
  t.strictSame(got, object)
})
