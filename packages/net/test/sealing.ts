import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { Prng, toHex } from '@gradmesh/core'
import { noise } from '@libp2p/noise'
import t, { type Test } from 'tap'
import { giveBackMemory, sealing } from '../src/libp2p/sealing.ts'
import type { Libp2pNetOptions } from '../src/libp2p.ts'
import type { Net } from '../src/types.ts'
import { localNet, until } from './fixtures/local.ts'

type Make = ReturnType<typeof noise>
interface List extends Iterable<Uint8Array> {
  byteLength: number
  append(...parts: Uint8Array[]): void
  subarray(from?: number, to?: number): Uint8Array
  sublist(from?: number, to?: number): List
}
interface Ciphers {
  encrypt(plain: List, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): List
  decrypt(sealed: List, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array, room?: Uint8Array): List
}

const ciphersOf = (make: Make): Ciphers =>
  (make({ logger: { forComponent: () => () => {} } } as never) as unknown as { crypto: Ciphers }).crypto
const [ours, theirs] = [ciphersOf(sealing()), ciphersOf(noise())]

const NONE = new Uint8Array(0)
const nonce = new Uint8Array(12).fill(3)
const key = new Uint8Array(32).map((_, i) => i)
const bytesOf = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => i * 31 + length)
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** libp2p's own cipher answers a long list with a list of its kind. */
const listOf = (...parts: Uint8Array[]): List => {
  const any = Object.assign([new Uint8Array(1200)], { byteLength: 1200 }) as unknown as List
  const list = theirs.encrypt(any, nonce, NONE, key).sublist(0, 0)
  list.append(...parts)
  return list
}

/** Each part of memory of its own, as from a socket. */
const cut = (bytes: Uint8Array, ...ends: number[]): List => {
  const list = listOf()
  let from = 0
  for (const end of [...ends, bytes.length].toSorted((a, b) => a - b)) {
    if (end > from) list.append(bytes.slice(from, end))
    from = end
  }
  return list
}

const sealOf = (plain: Uint8Array): Uint8Array =>
  ours.encrypt(cut(plain), nonce, NONE, key).subarray().slice()
/** As libp2p calls it. */
const openAll = (sealed: List, by = nonce, under = key): Uint8Array =>
  ours.decrypt(sealed, by, NONE, under, sealed.subarray(0, sealed.byteLength - 16)).subarray()

t.test('the same bytes as by libp2p, and each opens what the other sealed', t => {
  for (const length of [1, 1183, 1184, 1199, 1200, 4097, 40_000, 65_519]) {
    const plain = bytesOf(length)
    const [a, b] = [ours, theirs].map(({ encrypt }) =>
      encrypt(cut(plain, Math.min(12, length), length >> 1), nonce, NONE, key)
        .subarray()
        .slice()
    )
    t.ok(same(a!, b!), `${length} bytes sealed`)
    for (const ends of [[], [1], [length >> 1], [length + 8], [1, length + 8]])
      t.ok(same(openAll(cut(a!, ...ends)), plain), `${length} bytes cut at ${ends} opened`)
  }
  t.end()
})

t.test('a bit that was changed anywhere, another key, another nonce: nothing is opened', t => {
  const sealed = sealOf(bytesOf(10_000))
  const open = (bytes: Uint8Array, by = nonce, under = key): unknown => openAll(cut(bytes, 4000), by, under)
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

t.test('what a socket has read goes with the last message in it, and what was opened before stays', t => {
  const socket = new Socket()
  giveBackMemory(socket)
  const [short, long] = [sealOf(bytesOf(300)), sealOf(bytesOf(20_000))]
  const read = (...parts: Uint8Array[]): Buffer => {
    const bytes = Buffer.from(new Uint8Array(Buffer.concat(parts)).buffer)
    socket.emit('data', bytes)
    return bytes
  }
  const first = read(short, long, short, long.subarray(0, 7000))
  const second = read(long.subarray(7000))
  const third = read(long, short.subarray(0, 1))
  let at = 0
  const next = (length: number): Uint8Array => {
    at += length
    return openAll(listOf(first.subarray(at - length, at)))
  }
  const opened = [next(short.length), next(long.length), next(short.length)]
  t.equal(first.buffer.byteLength, at + 7000, 'a message has begun there')
  opened.push(openAll(listOf(first.subarray(at), second)))
  t.strictSame([first.buffer.byteLength, second.buffer.byteLength], [0, 0])
  opened.push(openAll(listOf(third.subarray(0, long.length))))
  t.equal(third.buffer.byteLength, long.length + 1)
  t.strictSame(
    opened.map(({ length }) => length),
    [300, 20_000, 300, 20_000, 20_000]
  )
  t.ok(opened.every(bytes => same(bytes, bytesOf(bytes.length))))

  const foreign = new Uint8Array(long)
  openAll(listOf(foreign))
  t.equal(foreign.length, long.length, 'no socket has read it: as over a relay')
  t.end()
})

t.test('what was sealed goes once the socket has taken it: no sooner, and nothing else', async t => {
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
  const plain = bytesOf(60_000)
  const parts = Array.from({ length: 80 }, () => [...ours.encrypt(cut(plain), nonce, NONE, key)]).flat()
  const [own, half] = [new Uint8Array(8000).fill(1), [...ours.encrypt(cut(plain), nonce, NONE, key)][0]!]
  for (const part of [...parts, own, half.subarray(30_000)]) socket.write(part)
  t.ok(parts.at(-2)!.length === 60_000, 'the other side does not read yet: it waits')
  const length = parts.reduce((sum, part) => sum + part.length, 38_000)
  t.equal(length, 80 * 60_016 + 38_000)
  const heard: Buffer[] = []
  other.on('data', bytes => heard.push(bytes))
  await until(() => heard.reduce((sum, bytes) => sum + bytes.length, 0) === length)
  const sealed = sealOf(plain)
  const expected = Buffer.concat([
    ...Array.from({ length: 80 }, () => sealed),
    own,
    sealed.subarray(30_000, 60_000)
  ])
  t.ok(same(Buffer.concat(heard), expected), 'every byte came')
  await until(() => parts.every(({ length }) => length <= 16))
  t.strictSame([own.length, half.length], [8000, 60_000])
})

t.test('a connection that ends with all in flight ends no process', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const there = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => server.close())
  await once(socket, 'connect')
  giveBackMemory(socket)
  const [other] = (await there) as [Socket]
  other.on('error', () => {})
  socket.on('error', () => {})
  for (let i = 0; i < 100; i++)
    for (const part of ours.encrypt(cut(bytesOf(60_000)), nonce, NONE, key)) socket.write(part)
  t.ok(socket.bytesWritten > 0)
  socket.resetAndDestroy()
  await once(socket, 'close')
  t.ok(socket.bytesWritten > 0, 'and what was counted can still be asked for')
  other.destroy()
})

const TOPIC = '/test/votes'
const GET = '/test/get'

/** Whatever comes and goes beside whatever else, all that anybody has kept is at the end what was sent. */
const exchange = async (t: Test, seed: number, options: Partial<Libp2pNetOptions>): Promise<void> => {
  const nets: Net[] = []
  const heard: Uint8Array[][] = []
  const asked: (readonly [Uint8Array, Uint8Array])[] = []
  for (const n of [0, 1]) {
    const net = await localNet(t, seed + n, options)
    const kept: Uint8Array[] = []
    net.subscribe(TOPIC, { maxBytes: 100_000 }, bytes => {
      kept.push(bytes)
      return 'accept'
    })
    net.handle(GET, 300_000, async request => request.slice().reverse())
    await net.start()
    nets.push(net)
    heard.push(kept)
  }
  await nets[1]!.dial(nets[0]!.addresses()[0]!)
  await until(() => nets.every(net => net.peers().length === 1))
  const prng = new Prng(`sealing ${seed}`)
  const sent: string[] = []
  const lengths = [40, 1100, 1184, 3000, 9000, 70_000, 300_000]
  const work = async (net: Net): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      const [peer] = net.peers()
      const bytes = prng.bytes(1 + prng.below(lengths[prng.below(lengths.length)]!))
      asked.push([
        bytes,
        await net.request(peer!.key, GET, bytes, {
          timeoutMs: 20_000,
          maxReplyBytes: 300_000,
          inARow: i % 2 === 0
        })
      ])
      const vote = prng.bytes(40 + prng.below(2000))
      sent.push(toHex(vote))
      await net.publish(TOPIC, vote)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => work(nets[i % 2]!)))
  await until(() => heard.flat().length === sent.length)
  t.ok(asked.every(([bytes, reply]) => same(bytes.toReversed(), reply)))
  t.strictSame(new Set(heard.flat().map(toHex)), new Set(sent))
}

t.test('two peers: requests of all lengths and gossip both ways', t => exchange(t, 180, {}))

t.test('the same under caps, where writes wait and reads pause', t =>
  exchange(t, 190, { bandwidth: { upload: 4 << 20, download: 3 << 20 } })
)
