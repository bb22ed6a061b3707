/** Sixteen peers on one host: what libp2p's defaults punish (one address, many calls at once) is ordinary here. */
import { utf8 } from '@gradmesh/core'
import t from 'tap'
import type { Net } from '../src/types.ts'
import { localNet, until } from './fixtures/local.ts'

const PEERS = 16
const MESSAGES_EACH = 20

t.test('sixteen local peers that know one address all connect, and none is penalised', async t => {
  const heard = Array.from({ length: PEERS }, () => new Set<string>())
  const nets: Net[] = []
  const make = async (n: number, bootstrap: readonly string[]): Promise<Net> => {
    const net = await localNet(t, n + 1, { bootstrap })
    net.subscribe('/test/votes', { maxBytes: 100 }, message => {
      heard[n]!.add(new TextDecoder().decode(message))
      return 'accept'
    })
    await net.start()
    return net
  }
  nets.push(await make(0, []))
  const bootstrap = [...nets[0]!.addresses()]
  nets.push(...(await Promise.all(Array.from({ length: PEERS - 1 }, (_, i) => make(i + 1, bootstrap)))))
  const tookMs = await until(() => nets.every(net => net.peers().length === PEERS - 1), 30_000)
  t.comment(`${PEERS} peers fully connected after ${Math.round(tookMs)} ms`)
  for (let i = 0; i < MESSAGES_EACH; i++) {
    await Promise.all(nets.map((net, n) => net.publish('/test/votes', utf8(`${n}/${i}`))))
  }
  const total = (PEERS - 1) * MESSAGES_EACH
  const spreadMs = await until(() => heard.every(set => set.size === total), 30_000)
  t.comment(`${PEERS * MESSAGES_EACH} messages at all peers after ${Math.round(spreadMs)} ms`)
  const rows = nets.flatMap(net => net.peers())
  t.equal(rows.length, PEERS * (PEERS - 1))
  t.strictSame(
    rows.filter(({ score, graylisted }) => score < 0 || graylisted),
    [],
    'no score below zero'
  )
})

t.test('whom a peer knows is told within the mesh only', async t => {
  const [a, b, c, stranger] = [
    await localNet(t, 21),
    await localNet(t, 22),
    await localNet(t, 23),
    await localNet(t, 24, { chainTag: 'another' })
  ]
  for (const net of [a, b, c, stranger]) await net.start()
  for (const net of [b, stranger, c]) await net.dial(a.addresses()[0]!)
  await until(() => c.peers().some(({ key }) => key === b.self))
  await until(() => a.peers().length === 3)
  t.strictSame(
    stranger.peers().map(({ key }) => key),
    [a.self],
    'the stranger, which came before, is neither told of the others nor they of it'
  )
})

t.test('asking for peers can be switched off', async t => {
  const [a, b, c] = [
    await localNet(t, 31),
    await localNet(t, 32),
    await localNet(t, 33, { peerExchange: false })
  ]
  for (const net of [a, b, c]) await net.start()
  for (const net of [c, b]) await net.dial(a.addresses()[0]!)
  await until(() => c.peers().some(({ key }) => key === b.self))
  t.equal(c.peers().find(({ key }) => key === b.self)?.direction, 'inbound', 'it is found, but does not seek')
})
