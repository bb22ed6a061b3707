/** A peer that stands still, as one whose machine sleeps does: its sockets stay open and silent. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { localNet, until } from './fixtures/local.ts'

t.test('a connection that does not answer is dropped in seconds, and called anew', async t => {
  const script = join(import.meta.dirname, 'fixtures/still-peer.ts')
  const child = spawn(process.execPath, [script, '202'], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [said] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const address = /address (\S+)/.exec(said)?.[1] ?? ''
  const net = await localNet(t, 201)
  await net.start()
  const peer = await net.dial(address)
  let lost = 0
  net.onDisconnect(() => lost++)
  child.kill('SIGSTOP')
  const start = performance.now()
  await net.recheck()
  await until(() => net.peers().length === 0)
  const took = performance.now() - start
  t.ok(took < 8000, `${Math.round(took)} ms; by pings alone it takes 15 s and more`)
  t.equal(lost, 1)
  child.kill('SIGCONT')
  await until(() => net.peers().some(({ key }) => key === peer))
})

/** A way to `port` on this host that can be made to swallow everything, as a network that was left does. */
const swallower = async (t: Test, port: number) => {
  let isSwallowing = false
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      from.on('data', bytes => isSwallowing || to.write(bytes))
      from.on('error', () => {})
      from.once('close', () => isSwallowing || to.destroy())
    }
    t.teardown(() => {
      near.destroy()
      far.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const own = server.address()
  return {
    port: typeof own === 'object' ? own!.port : 0,
    swallow() {
      isSwallowing = true
    }
  }
}

t.test('who connects once more from elsewhere is heard there in seconds', async t => {
  const net = await localNet(t, 203)
  await net.start()
  const address = net.addresses()[0]!
  const port = Number(/\/tcp\/(\d+)/.exec(address)![1])
  const way = await swallower(t, port)
  const roaming = await localNet(t, 204)
  await roaming.start()
  await roaming.dial(address.replace(String(port), String(way.port)))
  await until(() => net.peers().length === 1)
  const before = net.peers()[0]!.address
  way.swallow()
  const start = performance.now()
  const elsewhere = await localNet(t, 204)
  await elsewhere.start()
  await elsewhere.dial(address)
  await until(() => net.peers().some(({ address }) => address !== before), 30_000)
  const took = performance.now() - start
  t.ok(took < 8000, `${Math.round(took)} ms; by pings alone it takes 15 s and more`)
  t.equal(net.peers().length, 1)
})

t.test('while both connections of a peer answer, both stay', async t => {
  const net = await localNet(t, 205)
  await net.start()
  const here = await localNet(t, 206)
  await here.start()
  await here.dial(net.addresses()[0]!)
  await until(() => net.peers().length === 1)
  const before = net.peers()[0]!.address
  const there = await localNet(t, 206)
  await there.start()
  await there.dial(net.addresses()[0]!)
  await new Promise(resolve => setTimeout(resolve, 3000))
  t.equal(net.peers()[0]!.address, before)
  t.equal(here.peers().length, 1)
})
