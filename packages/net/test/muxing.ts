import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import t, { type Test } from 'tap'
import { calmYamux } from '../src/libp2p/muxing.ts'

const log = Object.assign(() => {}, { trace: () => {}, error: () => {}, newScope: () => log })

const quiet = { enableKeepAlive: false }

/** A connection as a muxer sees it, which takes frames until it is cut. */
class Line extends EventTarget {
  status = 'open'
  readonly direction = 'outbound'
  readonly log = log

  send(): boolean {
    if (this.status !== 'open') throw new Error('Cannot write to a stream that is closed')
    return true
  }
}

/** What is thrown, and caught by nobody, when the line is cut as a stream is opened on it. */
const thrownBy = async (factory: StreamMuxerFactory): Promise<unknown[]> => {
  const thrown: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', error => void thrown.push(error))
  const line = new Line()
  const opened = factory.createStreamMuxer(line as unknown as MessageStream).createStream()
  line.status = 'aborted'
  await opened
  await new Promise(resolve => setTimeout(resolve, 20))
  process.removeAllListeners('uncaughtException')
  for (const other of others) process.on('uncaughtException', other)
  return thrown
}

t.test('a connection that ends in the moment in which a stream is opened ends no process', async t => {
  t.equal((await thrownBy(yamux(quiet)())).length, 1, "yamux's own does")
  t.strictSame(await thrownBy(calmYamux(quiet)()), [])
})

const node = async (t: Test) => {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [calmYamux({})]
  })
  t.teardown(() => node.stop())
  await node.handle('/test/echo', stream => {
    stream.addEventListener('message', ({ data }) => stream.send(data))
  })
  return node
}

t.test('streams carry bytes, and fail on a connection that was cut', async t => {
  const [a, b] = [await node(t), await node(t)]
  const connection = await a.dial(b.getMultiaddrs())
  const stream = await connection.newStream('/test/echo')
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  stream.addEventListener('message', ({ data }) => resolve(data.subarray()))
  stream.send(Uint8Array.of(1, 2, 3))
  t.strictSame([...(await promise)], [1, 2, 3])
  const opened = connection.newStream('/test/echo')
  connection.abort(new Error('cut'))
  await t.rejects(opened)
  t.not(stream.status, 'open')
})
