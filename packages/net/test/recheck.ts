/** A peer that stands still, as one whose machine sleeps does: its sockets stay open and silent. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
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
