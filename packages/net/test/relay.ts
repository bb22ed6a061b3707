/** Peers that nobody can call (they don't listen) talk through one that everybody can. */
import { utf8 } from '@gradmesh/core'
import t, { type Test } from 'tap'
import type { Libp2pNetOptions } from '../src/libp2p.ts'
import type { Net, PeerKey, Reachability } from '../src/types.ts'
import { codeOf, localNet, until } from './fixtures/local.ts'

t.setTimeout(120_000)

const TOPIC = '/test/votes'
const ECHO = '/test/echo'
const ASK = { timeoutMs: 10_000, maxReplyBytes: 4 << 20 }

interface Player {
  readonly net: Net
  readonly heard: string[]
  readonly told: Reachability[]
}

/** `isOfMesh` stands for the hello of the daemon, with which peers of one mesh know each other. */
const player = async (
  t: Test,
  n: number,
  options: Partial<Libp2pNetOptions> = {},
  isOfMesh: (peer: PeerKey) => boolean = () => true
): Promise<Player> => {
  const net = await localNet(t, n, options)
  const made: Player = { net, heard: [], told: [] }
  net.subscribe(TOPIC, { maxBytes: 100_000 }, message => {
    made.heard.push(new TextDecoder().decode(message.subarray(0, 20)))
    return 'accept'
  })
  net.handle(ECHO, 4 << 20, async message => message)
  net.onReachability(reachability => made.told.push(reachability))
  net.onConnect(peer => {
    if (isOfMesh(peer)) net.welcome(peer)
  })
  await net.start()
  return made
}

const isPeer = (net: Net, key: PeerKey): boolean => net.peers().some(peer => peer.key === key)
const circuitOf = (net: Net): string =>
  net.addresses().find(address => address.includes('/p2p-circuit')) ?? ''

t.test('two peers that nobody can call talk through a third', async t => {
  const relay = await player(t, 41)
  const hidden = { listen: [], bootstrap: relay.net.addresses(), peerExchange: false }
  const [a, b] = [await player(t, 42, hidden), await player(t, 43, hidden)]
  const tookMs = await until(() => a.told.some(({ state }) => state === 'relayed'))
  t.comment(`relayed after ${Math.round(tookMs)} ms`)
  t.match(a.net.reachability(), { state: 'relayed', relays: [relay.net.self], scope: null })
  t.match(a.net.reachability().remedy, /let it listen/)
  await until(() => relay.told.length > 0)
  t.match(relay.told[0], { state: 'reachable', scope: 'host', remedy: null })
  await until(() => circuitOf(a.net) !== '')

  t.equal(await b.net.dial(circuitOf(a.net)), a.net.self)
  await until(() => isPeer(a.net, b.net.self))
  const row = b.net.peers().find(({ key }) => key === a.net.self)
  t.equal(row?.relay, relay.net.self, 'whose relay it is')
  t.equal(b.net.peers().find(({ key }) => key === relay.net.self)?.relay, null)

  const big = new Uint8Array(3 << 20).fill(7)
  t.equal((await b.net.request(a.net.self, ECHO, big, ASK)).length, big.length, 'far beyond 128 KiB')
  for (let i = 0; i < 20; i++) await a.net.publish(TOPIC, utf8(`${i}`.padEnd(50_000)))
  await until(() => b.heard.length === 20)
  t.equal(b.heard.at(-1)?.trim(), '19')

  await relay.net.stop()
  await until(() => !isPeer(b.net, a.net.self))
  await until(() => a.told.at(-1)?.state === 'cut-off')
  t.strictSame([circuitOf(a.net), a.net.reachability().relays], ['', []], 'the address goes with the relay')
})

t.test('peers tell each other of relayed addresses', async t => {
  const relay = await player(t, 44)
  const hidden = { listen: [], bootstrap: relay.net.addresses() }
  const [a, b] = [await player(t, 45, hidden), await player(t, 46, hidden)]
  const tookMs = await until(() => isPeer(a.net, b.net.self) && isPeer(b.net, a.net.self), 30_000)
  t.comment(`met after ${Math.round(tookMs)} ms`)
  t.equal(a.net.peers().find(({ key }) => key === b.net.self)?.relay, relay.net.self)
})

t.test('a relay serves members of its mesh alone, and not when it is told not to', async t => {
  const strangers = new Set<PeerKey>()
  const relay = await player(t, 47, {}, peer => !strangers.has(peer))
  const hidden = { listen: [], bootstrap: relay.net.addresses(), peerExchange: false }
  const member = await player(t, 48, hidden)
  const off = await player(t, 50, { relay: 'off' })
  const alone = await player(t, 51, { ...hidden, bootstrap: off.net.addresses() })
  await until(() => circuitOf(member.net) !== '')
  const stranger = await localNet(t, 49, hidden)
  strangers.add(stranger.self)
  await stranger.start()
  await until(() => isPeer(stranger, relay.net.self))
  stranger.welcome(relay.net.self)
  t.equal(
    await codeOf(stranger.dial(circuitOf(member.net))),
    'NET_DIAL_FAILED',
    'a stranger is not put through'
  )
  await until(() => stranger.reachability().state === 'cut-off' && alone.told.length > 0, 20_000)
  t.match(alone.told[0], { state: 'cut-off', relays: [] })
  t.match(alone.told[0]?.detail, /no peer relays/)
  t.strictSame(stranger.reachability().relays, [], 'a stranger is given no place')
  t.strictSame(member.net.reachability().relays, [relay.net.self])
})
