import { spawn } from 'node:child_process'
import { createConnection, createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { createLibp2pNet } from '../src/libp2p.ts'
import { codeOf, localNet, optionsOf, until } from './fixtures/local.ts'

t.test('a peer that restarts on its port is reconnected within two seconds', async t => {
  const a = await localNet(t, 1)
  await a.start()
  const address = a.addresses()[0]!
  const b = await localNet(t, 2, { bootstrap: [address] })
  const events: string[] = []
  b.onConnect(() => events.push('connect'))
  b.onDisconnect(() => events.push('disconnect'))
  await b.start()
  await until(() => b.peers().length === 1)
  const before = performance.now()
  await a.stop()
  t.ok(performance.now() - before < 1000, 'stop takes less than a second')
  await until(() => b.peers().length === 0)
  const again = await localNet(t, 1, { listen: [address.split('/p2p/')[0]!] })
  await again.start()
  const tookMs = await until(() => b.peers().length === 1 && again.peers().length === 1)
  t.comment(`reconnected after ${Math.round(tookMs)} ms`)
  t.ok(tookMs < 2000)
  t.strictSame(events, ['connect', 'disconnect', 'connect'])
})

t.test('a peer that nobody has as bootstrap is called again too', async t => {
  const a = await localNet(t, 1)
  await a.start()
  const b = await localNet(t, 2)
  await b.start()
  await b.dial(a.addresses()[0]!)
  await until(() => a.peers().length === 1)
  const address = b.addresses()[0]!
  await b.stop()
  await until(() => a.peers().length === 0)
  const again = await localNet(t, 2, { listen: [address.split('/p2p/')[0]!] })
  await again.start()
  t.ok((await until(() => again.peers().length === 1)) < 2000, 'it was called by whom it had called before')
})

t.test('a bootstrap peer that starts later is found, with or without its peer id', async t => {
  const early = await localNet(t, 1)
  await early.start()
  const address = early.addresses()[0]!
  await early.stop()
  const named = await localNet(t, 2, { bootstrap: [address] })
  const nameless = await localNet(t, 3, { bootstrap: [address.split('/p2p/')[0]!], peerExchange: false })
  await named.start()
  await nameless.start()
  const late = await localNet(t, 1, { listen: [address.split('/p2p/')[0]!] })
  await late.start()
  await until(() => named.peers().length > 0 && nameless.peers().length > 0 && late.peers().length === 2)
  t.equal(nameless.peers()[0]?.key, late.self)
})

t.test('a busy port is named, with what to do', async t => {
  const squatter = createServer()
  const port = await listen(squatter)
  t.teardown(() => squatter.close())
  const net = await localNet(t, 1, { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  const error = await net.start().catch((caught: unknown) => caught)
  t.ok(error instanceof MeshError)
  if (!(error instanceof MeshError)) return
  t.equal(error.code, 'NET_PORT_IN_USE')
  t.match(error.message, `port ${port} is taken`)
  t.match(error.remedy, `TCP port ${port}`)
  t.strictSame(error.data, { address: `/ip4/127.0.0.1/tcp/${port}`, port })
})

t.test('an address of another machine cannot be listened on', async t => {
  const net = await localNet(t, 1, { listen: ['/ip4/192.0.2.1/tcp/0'] })
  await t.rejects(net.start(), {
    code: 'NET_LISTEN_FAILED',
    message: /^cannot listen on \/ip4\/192.0.2.1\/tcp\/0: EADDRNOTAVAIL: [^\n]+$/
  })
})

t.test('options that cannot work are refused at once', async t => {
  for (const [options, code] of [
    [{ secretKey: new Uint8Array(31) }, 'NET_OPTIONS'],
    [{ chainTag: 'Not A Tag' }, 'NET_OPTIONS'],
    [{ maxConnections: 0 }, 'NET_OPTIONS'],
    [{ listen: ['localhost:4190'] }, 'NET_BAD_ADDRESS'],
    [{ listen: ['/ip4/127.0.0.1/udp/4190'] }, 'NET_BAD_ADDRESS'],
    [{ bootstrap: ['/ip4/127.0.0.1/tcp/4190/p2p/nonsense'] }, 'NET_BAD_ADDRESS']
  ] as const) {
    t.equal(await codeOf(localNet(t, 1, options)), code, JSON.stringify(options))
  }
})

t.test('stop frees the port at once', async t => {
  const net = await localNet(t, 1)
  const other = await localNet(t, 2)
  await net.start()
  await other.start()
  await other.dial(net.addresses()[0]!)
  const port = Number(net.addresses()[0]!.split('/')[4])
  await net.stop()
  const taker = createServer()
  t.equal(await listen(taker, port), port)
  taker.close()
})

t.test('stop works during start-up, with a stranger on the line and after a refused start', async t => {
  const net = await localNet(t, 1, { bootstrap: ['/ip4/127.0.0.1/tcp/1'] })
  await net.start()
  const socket = createConnection(Number(net.addresses()[0]!.split('/')[4]), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise(resolve => socket.once('connect', resolve))
  const before = performance.now()
  await net.stop()
  t.ok(performance.now() - before < 1000)
  socket.destroy()
  const unstarted = await createLibp2pNet(optionsOf(9))
  await unstarted.stop()
})

t.test('a process whose nets have stopped ends by itself', async t => {
  // libp2p tells its addresses after 1000 ms; what else the machine does only makes an end later.
  let lingeredMs = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3 && lingeredMs >= 700; tries++)
    lingeredMs = Math.min(lingeredMs, await lingered(t))
  t.ok(lingeredMs < 700, `ended ${Math.round(lingeredMs)} ms after stop`)
})

/** How long a process is still there after its nets have stopped, in ms. */
const lingered = async (t: Test): Promise<number> => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('fixtures/stops.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stoppedAt = Number.POSITIVE_INFINITY
  child.stdout.on('data', () => {
    stoppedAt = performance.now()
  })
  const code = await new Promise(resolve => child.once('exit', resolve))
  t.equal(code, 0)
  return performance.now() - stoppedAt
}

const listen = (server: Server, port = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0)
    })
  })
