import { Socket } from 'node:net'
import t from 'tap'
import { Meter } from '../src/libp2p/meter.ts'
import { plainAddress, Roaming } from '../src/libp2p/roaming.ts'

t.test('an address is lost once it has been missing twice, and told once', async t => {
  let addresses = ['127.0.0.1', '192.168.1.7']
  const roaming = new Roaming(() => addresses)
  const nothing = { lost: [], isNew: false }
  t.strictSame(roaming.look(), nothing)
  addresses = ['127.0.0.1']
  t.strictSame(roaming.look(), nothing, 'it may come back')
  t.strictSame(roaming.look(), { lost: ['192.168.1.7'], isNew: false })
  t.strictSame(roaming.look(), nothing)
  addresses = ['127.0.0.1', '10.0.0.3']
  t.strictSame(roaming.look(), { lost: [], isNew: true }, 'another network')
  t.strictSame(roaming.look(), nothing)
  addresses = ['127.0.0.1', '192.168.1.7']
  t.strictSame(roaming.look(), { lost: [], isNew: true })
  t.strictSame(roaming.look(), { lost: ['10.0.0.3'], isNew: false }, 'and back to the first')
})

t.test('an address that is taken away for a moment is neither lost nor new', async t => {
  let addresses = ['192.168.1.7']
  const roaming = new Roaming(() => addresses)
  addresses = []
  roaming.look()
  addresses = ['192.168.1.7']
  for (let look = 0; look < 3; look++) t.strictSame(roaming.look(), { lost: [], isNew: false })
})

t.test('the addresses of this machine can be read, and do not change by themselves', async t => {
  const roaming = new Roaming()
  for (let look = 0; look < 3; look++) t.strictSame(roaming.look(), { lost: [], isNew: false })
})

t.test('addresses are compared as the list of interfaces has them', async t => {
  t.equal(plainAddress('::ffff:192.168.1.7'), '192.168.1.7')
  t.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.equal(plainAddress('2001:db8::7'), '2001:db8::7')
})

t.test('what was connected from there ends, and nothing else', async t => {
  const meter = new Meter()
  const ended: string[] = []
  for (const localAddress of ['192.168.1.7', '::ffff:192.168.1.7', '127.0.0.1', '192.168.1.70']) {
    const socket = Object.defineProperty(new Socket(), 'localAddress', { value: localAddress })
    socket.once('close', () => ended.push(localAddress))
    meter.track('a peer', { socket } as unknown as Parameters<Meter['track']>[1])
  }
  meter.cut(['192.168.1.7'])
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(ended, ['192.168.1.7', '::ffff:192.168.1.7'])
})
