/** What a peer that does not keep to the protocol can do to one that does: lose its own connection. */
import { concatBytes, silentLogger, silentMetrics, u32, utf8 } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { replyFrame, requestFrame, STATUS } from '../src/libp2p/frames.ts'
import type { Libp2pNetOptions } from '../src/libp2p.ts'
import { REJECTIONS_MAX } from '../src/strikes.ts'
import type { Net, Verdict } from '../src/types.ts'
import { localNet, until } from './fixtures/local.ts'
import { rawPeer, varint } from './fixtures/raw-peer.ts'

const TOPIC = '/test/topic'
const OTHER_TOPIC = '/test/other'
const ECHO = '/test/echo'

/** As gossip carries it. */
const numbered = (number: number, text: string): Uint8Array => concatBytes(u32(number), utf8(text))

const victim = async (
  test: Test,
  heard: string[],
  hold: Promise<void> = Promise.resolve(),
  told: Partial<Pick<Libp2pNetOptions, 'logger' | 'metrics'>> = {}
): Promise<Net> => {
  const net = await localNet(test, 1, told)
  net.subscribe(TOPIC, { maxBytes: 2000 }, async (message): Promise<Verdict> => {
    heard.push(new TextDecoder().decode(message.subarray(0, 20)))
    await hold
    return 'accept'
  })
  net.subscribe(OTHER_TOPIC, { maxBytes: 2000 }, () => 'reject')
  net.handle(ECHO, 100, async message => message)
  await net.start()
  return net
}

const friend = async (test: Test, net: Net): Promise<Net> => {
  const other = await localNet(test, 2)
  other.subscribe(TOPIC, { maxBytes: 2000 }, () => 'accept')
  await other.start()
  await other.dial(net.addresses()[0]!)
  await until(() => net.peers().length > 0)
  return other
}

t.test(
  'messages signed for libp2p are not read, graylist their sender, and reconnecting does not help',
  async t => {
    const heard: string[] = []
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (...words: unknown[]) => void warnings.push(words) }
    const net = await victim(t, heard, undefined, { logger })
    const other = await friend(t, net)
    const raw = await rawPeer(t, 3)
    const connection = await raw.connect(net.addresses()[0]!)
    const stream = await raw.gossipStream(connection)
    for (let i = 0; i < 10; i++) stream.send(await raw.signedFrame(TOPIC, [utf8(`signed ${i}`)]))
    const row = () => net.peers().find(({ key }) => key === raw.key)
    await until(() => row()?.graylisted === true && (row()?.score ?? 0) < -80)
    await new Promise(resolve => setTimeout(resolve, 1100))
    await connection.close()
    await until(() => row() === undefined)
    const again = await raw.gossipStream(await raw.connect(net.addresses()[0]!))
    again.send(raw.frame(TOPIC, [numbered(1, 'well formed, but too late')]))
    await until(() => row() !== undefined)
    t.equal(row()?.graylisted, true)
    await other.publish(TOPIC, utf8('from a friend'))
    await until(() => heard.length > 0)
    t.strictSame(heard, ['from a friend'])
    t.equal(net.peers().find(({ key }) => key === other.self)?.graylisted, false)
    t.match(warnings, [[{ peer: raw.key }, /another release/]], 'it is said once, of whom')
  }
)

t.test('a message is not hidden by its own bytes, published in another topic first', async t => {
  const heard: string[] = []
  const net = await victim(t, heard)
  const raw = await rawPeer(t, 3)
  const stream = await raw.gossipStream(await raw.connect(net.addresses()[0]!))
  const message = numbered(1, 'hello')
  for (const topic of [OTHER_TOPIC, TOPIC, TOPIC]) stream.send(raw.frame(topic, [message]))
  stream.send(raw.frame(TOPIC, [numbered(2, 'hello'), Uint8Array.of(3)]))
  await until(() => heard.length === 3)
  t.strictSame(heard, ['hello', 'hello', ''], 'a copy is told once, and what has no number is no message')
})

t.test('who is out cannot hide a message by bringing it first', async t => {
  const heard: string[] = []
  const counted: string[] = []
  const count = (name: string) => void counted.push(name)
  const net = await victim(t, heard, undefined, { metrics: { ...silentMetrics, count } })
  const [bad, good] = [await rawPeer(t, 3), await rawPeer(t, 4)]
  const fromBad = await bad.gossipStream(await bad.connect(net.addresses()[0]!))
  const fromGood = await good.gossipStream(await good.connect(net.addresses()[0]!))
  fromBad.send(
    bad.frame(
      OTHER_TOPIC,
      Array.from({ length: REJECTIONS_MAX }, (_, i) => numbered(i, 'rejected'))
    )
  )
  await until(() => net.peers().some(({ key, graylisted }) => key === bad.key && graylisted))
  const frame = bad.frame(TOPIC, [numbered(1, 'hello')])
  fromBad.send(frame)
  await until(() => counted.includes('net_gossip_unread_total'))
  fromGood.send(frame)
  await until(() => heard.length === 1)
  t.strictSame(heard, ['hello'])
})

t.test('a frame that claims too much ends gossip with its sender alone', async t => {
  const heard: string[] = []
  const net = await victim(t, heard)
  const other = await friend(t, net)
  const raw = await rawPeer(t, 3)
  const stream = await raw.gossipStream(await raw.connect(net.addresses()[0]!))
  stream.send(raw.frame(TOPIC, [numbered(1, 'well formed')]))
  await until(() => heard.length === 1)
  await until(() => net.peers().length === 2)
  stream.send(concatBytes(varint(64 * 1024 * 1024), new Uint8Array(1000)))
  await until(() => net.peers().length === 1)
  await other.publish(TOPIC, utf8('from a friend'))
  await until(() => heard.length === 2)
  t.strictSame(heard, ['well formed', 'from a friend'])
})

t.test('who sends faster than its messages are judged has to wait', async t => {
  const heard: string[] = []
  const { promise: hold, resolve: release } = Promise.withResolvers<void>()
  const net = await victim(t, heard, hold)
  const raw = await rawPeer(t, 3)
  const stream = await raw.gossipStream(await raw.connect(net.addresses()[0]!))
  const frame = raw.frame(TOPIC, [new Uint8Array(2000)])
  const offered = 16 * 1024 * 1024
  for (let sent = 0; sent < offered; sent += frame.length) stream.send(frame)
  await until(() => heard.length === 1)
  await new Promise(resolve => setTimeout(resolve, 500))
  const received = net.peers()[0]?.bytesReceived ?? 0
  t.ok(received < 4 * 1024 * 1024, `${received} of ${offered} bytes were taken`)
  t.equal(heard.length, 1)
  release()
})

t.test('requests that break the frame are answered with a status or cut off', async t => {
  const net = await victim(t, [])
  const raw = await rawPeer(t, 3)
  const connection = await raw.connect(net.addresses()[0]!)
  const ask = async (...bytes: Uint8Array[]): Promise<Uint8Array | 'cut'> => {
    const stream = await connection.newStream(ECHO)
    const parts: Uint8Array[] = []
    for (const part of bytes) stream.send(part)
    try {
      for await (const chunk of stream) parts.push(chunk.subarray())
    } catch {
      return 'cut'
    }
    void stream.close()
    return concatBytes(...parts)
  }
  const NOTHING = new Uint8Array(0)
  const huge = requestFrame(NOTHING, 1000)
  new DataView(huge.buffer).setUint32(4, 0xffff_ffff, true)
  t.strictSame(
    await ask(huge),
    concatBytes(...replyFrame(STATUS.requestTooLong, NOTHING)),
    'four gigabytes claimed'
  )
  t.strictSame(
    await ask(requestFrame(new Uint8Array(101), 1000)),
    concatBytes(...replyFrame(STATUS.requestTooLong, NOTHING))
  )
  t.strictSame(
    await ask(requestFrame(new Uint8Array(50), 49)),
    concatBytes(...replyFrame(STATUS.replyTooLong, NOTHING))
  )
  t.equal(await ask(concatBytes(requestFrame(utf8('x'), 100), utf8('more'))), 'cut', 'bytes after the frame')
  const byByte = [...requestFrame(utf8('slow'), 100)].map(byte => Uint8Array.of(byte))
  t.strictSame(
    await ask(...byByte),
    concatBytes(...replyFrame(STATUS.ok, utf8('slow'))),
    'one byte at a time'
  )
})

t.test(
  'requests in a row share a stream as long as each says so, and one that stops asking holds nothing for long',
  async t => {
    const net = await victim(t, [])
    const raw = await rawPeer(t, 3)
    const connection = await raw.connect(net.addresses()[0]!)
    const stream = await connection.newStream(ECHO)
    const replies: Uint8Array[] = []
    const { promise: over, resolve } = Promise.withResolvers<void>()
    stream.addEventListener('message', ({ data }) => replies.push(data.subarray()))
    stream.addEventListener('remoteCloseWrite', () => resolve())
    const ok = (text: string): Uint8Array => concatBytes(...replyFrame(STATUS.ok, utf8(text)))
    const expected: Uint8Array[] = []
    for (const text of ['one', 'two', 'three']) {
      stream.send(requestFrame(utf8(text), 100, text !== 'three'))
      expected.push(ok(text))
      await until(() => concatBytes(...replies).length === concatBytes(...expected).length)
      t.strictSame(concatBytes(...replies), concatBytes(...expected), text)
    }
    await over
    t.pass('the last one says that it is the last')
    const greedy = await connection.newStream(ECHO)
    const cut = new Promise(resolve => greedy.addEventListener('close', resolve))
    greedy.send(concatBytes(requestFrame(utf8('a'), 100, true), requestFrame(utf8('b'), 100, true)))
    await cut
    t.pass('two requests at once break the frame')
  }
)
