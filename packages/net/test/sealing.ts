import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { noise } from '@libp2p/noise'
import t from 'tap'
import { giveBackMemory, sealing } from '../src/libp2p/sealing.ts'

type Make = ReturnType<typeof noise>
type Bytes = Uint8Array & { sublist(): List }
interface List extends Iterable<Uint8Array> {
  byteLength: number
  append(...parts: Uint8Array[]): void
  subarray(from?: number, to?: number): Uint8Array
  sublist(from?: number, to?: number): List
}
interface Ciphers {
  encrypt(plain: List, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): List | Bytes
  decrypt(sealed: List, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array, copy?: Uint8Array): List | Bytes
}

const ciphersOf = (make: Make): Ciphers =>
  (make({ logger: { forComponent: () => () => {} } } as never) as unknown as { crypto: Ciphers }).crypto
const [ours, theirs] = [ciphersOf(sealing()), ciphersOf(noise())]

const NONE = new Uint8Array(0)
const nonce = new Uint8Array(12).fill(3)
const key = new Uint8Array(32).map((_, i) => i)

/** Uint8ArrayList is not ours to import: the cipher that we stand in for answers with one. */
const empty = (): List => (theirs.encrypt(listOf(), nonce, NONE, key) as List).sublist(0, 0)
const listOf = (): List => {
  const parts = [new Uint8Array(1200)]
  return Object.assign(parts, { byteLength: 1200 }) as unknown as List
}
const cut = (bytes: Uint8Array, ...ends: number[]): List => {
  const list = empty()
  let from = 0
  for (const end of [...ends, bytes.length].toSorted((a, b) => a - b)) {
    // Each of memory of its own, as from a socket.
    if (end > from) list.append(bytes.slice(from, end))
    from = end
  }
  return list
}

t.test(
  'the same bytes as by libp2p, whatever the length and the cuts, and each opens what the other sealed',
  t => {
    for (const length of [1, 1199, 1200, 4095, 4096, 4097, 40_000, 65_519]) {
      const plain = new Uint8Array(length).map((_, i) => i * 31 + length)
      const [a, b] = [ours, theirs].map(({ encrypt }) =>
        encrypt(cut(plain, Math.min(12, length), length >> 1), nonce, NONE, key)
          .subarray()
          .slice()
      )
      t.ok(Buffer.compare(a!, b!) === 0, `${length} bytes sealed`)
      for (const ends of [[], [1], [length >> 1], [length + 8], [1, length + 8]]) {
        const sealed = cut(a!, ...ends)
        const opened = ours.decrypt(sealed, nonce, NONE, key, sealed.subarray(0, length))
        t.ok(Buffer.compare(opened.subarray(), plain) === 0, `${length} bytes cut at ${ends} opened`)
      }
    }
    t.end()
  }
)

t.test('a bit that was changed anywhere, another key, another nonce: nothing is opened', t => {
  const plain = new Uint8Array(10_000).fill(9)
  const sealed = ours.encrypt(cut(plain, 12), nonce, NONE, key).subarray().slice()
  const open = (bytes: Uint8Array, by = nonce, under = key): unknown => {
    const list = cut(bytes, 4000)
    return ours.decrypt(list, by, NONE, under, list.subarray(0, 10_000))
  }
  for (const at of [0, 5000, 9_999, 10_000, 10_015]) {
    const changed = sealed.slice()
    changed[at]! ^= 1
    t.throws(() => open(changed), `byte ${at}`)
  }
  t.throws(() => open(sealed, new Uint8Array(12).fill(4)))
  t.throws(() => open(sealed, nonce, key.toReversed()))
  t.doesNotThrow(() => open(sealed))
  t.end()
})

t.test('memory is given back once nobody needs it: no sooner, and only what is whole', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const there = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  await once(socket, 'connect')
  const [other] = (await there) as [Socket]
  giveBackMemory(socket)
  const heard: Buffer[] = []
  other.on('data', bytes => heard.push(bytes))
  const length = (): number => heard.reduce((sum, bytes) => sum + bytes.length, 0)
  const [own, part, short] = [new Uint8Array(8000).fill(1), new Uint8Array(9000).fill(2), Uint8Array.of(3)]
  socket.write(own)
  socket.write(part.subarray(0, 8000))
  socket.write(short)
  while (length() < 16_001) await once(other, 'data')
  const text = Buffer.concat(heard)
  t.ok(
    text.subarray(0, 8000).every(byte => byte === 1) && text.subarray(8000, 16_000).every(byte => byte === 2)
  )
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(
    [own, part, short].map(({ buffer }) => buffer.byteLength),
    [0, 9000, 1]
  )

  const plain = new Uint8Array(30_000).fill(7)
  const sealed = theirs.encrypt(cut(plain), nonce, NONE, key).subarray().slice()
  const read: Buffer[] = []
  socket.on('data', bytes => read.push(bytes))
  other.write(sealed)
  while (read.reduce((sum, { length }) => sum + length, 0) < sealed.length) await once(socket, 'data')
  const list = empty()
  list.append(...read)
  // The last message that came: what was read has no other in it.
  const copy = list.subarray(0, 30_000)
  t.ok(Buffer.compare(ours.decrypt(list, nonce, NONE, key, copy).subarray(), plain) === 0)
  t.ok(
    read.every(({ buffer }) => buffer.byteLength === 0),
    'what the socket had read'
  )
})
