import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { corkWrites } from '../src/libp2p/corking.ts'
import { until } from './fixtures/local.ts'

const pair = async (t: Test): Promise<readonly [Socket, Socket]> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const there = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [other] = (await there) as [Socket]
  t.teardown(() => {
    socket.destroy()
    other.destroy()
    server.close()
  })
  return [socket, other]
}

t.test('writes of one go leave together, in their order; each tells when it was taken', async t => {
  const [socket, other] = await pair(t)
  corkWrites(socket)
  const calls: number[] = []
  const { _writev } = socket
  socket._writev = (chunks, callback) => {
    calls.push(chunks.length)
    _writev!.call(socket, chunks, callback)
  }
  const heard: Buffer[] = []
  other.on('data', bytes => heard.push(bytes))
  let taken = 0
  for (const round of [0, 3]) {
    for (const n of [1, 2, 3]) socket.write(Uint8Array.of(round + n), () => taken++)
    await until(() => taken === round + 3)
  }
  t.strictSame(calls, [3, 3])
  await until(() => Buffer.concat(heard).length === 6)
  t.strictSame([...Buffer.concat(heard)], [1, 2, 3, 4, 5, 6])
})

t.test('one that takes no more says so, and says when it does again', async t => {
  const [socket, other] = await pair(t)
  corkWrites(socket)
  const bytes = new Uint8Array(4 << 20)
  t.notOk(socket.write(bytes))
  let length = 0
  other.on('data', part => {
    length += part.length
  })
  await once(socket, 'drain')
  await until(() => length === bytes.length)
  t.equal(socket.writableCorked, 0)
})

t.test('what was written right before the end still leaves; after it nothing is written', async t => {
  const [socket, other] = await pair(t)
  corkWrites(socket)
  const heard: Buffer[] = []
  other.on('data', bytes => heard.push(bytes))
  socket.write(Uint8Array.of(1))
  socket.write(Uint8Array.of(2))
  socket.destroySoon()
  await once(other, 'end')
  t.strictSame([...Buffer.concat(heard)], [1, 2])
})
