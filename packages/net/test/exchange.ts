import { fromHex, toHex } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { keyOf, parseAddress, peerIdOf } from '../src/libp2p/addresses.ts'
import { decodePeers, encodePeers } from '../src/libp2p/exchange.ts'
import { reachOf } from '../src/reach.ts'

const record = fc.record(
  {
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
    record: fc.uint8Array({ minLength: 100, maxLength: 300 })
  },
  { noNullPrototype: true }
)

t.test('lists of peers survive the wire', async t => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 32 }), known => {
      t.strictSame(decodePeers(encodePeers(known)), known)
    }),
    { numRuns: 50 }
  )
  t.pass()
})

t.test('any bytes are a list or refused, and a list has one encoding', async t => {
  const sample = encodePeers([{ key: 'ab'.repeat(32), record: new Uint8Array(100).fill(7) }])
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(sample)), bytes => {
      const known = decodePeers(bytes)
      return known === undefined || toHex(encodePeers(known)) === toHex(bytes)
    })
  )
  t.equal(decodePeers(new Uint8Array(0)), undefined)
  t.equal(decodePeers(Uint8Array.of(200)), undefined)
  t.equal(decodePeers(sample.subarray(0, -1)), undefined)
  const short = new Uint8Array(1 + 34 + 99)
  short.set([1])
  short.set([99], 33)
  t.equal(decodePeers(short), undefined, 'no key and signature fit')
})

t.test('no more than fits is sent', async t => {
  const many = Array.from({ length: 100 }, (_, i) => ({
    key: toHex(new Uint8Array(32).fill(i)),
    record: new Uint8Array(i === 0 ? 5000 : 100)
  }))
  const sent = decodePeers(encodePeers(many))
  t.equal(sent?.length, 32)
  t.equal(sent?.[0]?.key, many[1]?.key, 'an overlong record is left out')
})

t.test('addresses reach a host, a site or the world', async t => {
  for (const [address, reach] of [
    ['/ip4/127.0.0.1/tcp/1', 'host'],
    ['/ip4/0.0.0.0/tcp/1', 'host'],
    ['/ip6/::1/tcp/1', 'host'],
    ['/ip4/10.1.2.3/tcp/1', 'site'],
    ['/ip4/172.16.0.1/tcp/1', 'site'],
    ['/ip4/172.32.0.1/tcp/1', 'world'],
    ['/ip4/192.168.1.1/tcp/1', 'site'],
    ['/ip4/169.254.1.1/tcp/1', 'site'],
    ['/ip4/100.64.0.1/tcp/1', 'site'],
    ['/ip6/fe80::1/tcp/1', 'site'],
    ['/ip6/fd00::1/tcp/1', 'site'],
    ['/ip4/8.8.8.8/tcp/1', 'world'],
    ['/ip6/2606:4700::1/tcp/1', 'world'],
    ['/dns4/example.org/tcp/1', 'world']
  ] as const) {
    t.equal(reachOf(parseAddress(address).toString()), reach, address)
  }
})

t.test('keys and peer ids stand for each other', async t => {
  // RFC 8032, 7.1, test 1.
  const key = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
  const id = peerIdOf(key)
  t.equal(id === undefined ? undefined : keyOf(id), key)
  t.match(id?.toString(), /^12D3KooW/)
  for (const bad of ['', 'no key', key.toUpperCase(), key.slice(2), `${key}00`])
    t.equal(peerIdOf(bad), undefined)
  t.ok(fromHex(key) instanceof Uint8Array)
})

const mutated = (sample: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.nat(sample.length - 1), fc.nat(255)).map(([at, value]) => {
    const bytes = sample.slice()
    bytes[at] = value
    return bytes
  })
