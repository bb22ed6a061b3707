import { isFault, pause, sha256, systemClock, toHex } from '@gradmesh/core'
import type { Net } from '@gradmesh/net'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  decodeGetRequest,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  type SignedDelta,
  signDeltaHeader
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { type DoorParts, openDoor } from '../../src/door.ts'
import type { DeltaPool } from '../../src/round/delta-pool.ts'
import { pullDelta } from '../../src/round/pulling.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { PIECE_BYTES } from '../../src/topics.ts'
import { makeFollowing, makeNode, type Node } from '../fixtures/node.ts'
import { keysOf, Script, validatorKeys } from '../fixtures/script.ts'

const AUTHOR = validatorKeys[0]!
const script = new Script()

type Serve = (digest: string, offset: number) => Promise<Uint8Array>

/** A pool whose peers answer as told, and how often each was asked. */
const poolAmong = async (t: Test, peers: Readonly<Record<string, Serve>>) => {
  const node = await makeNode(script, createMemoryHub(), keysOf('the peer'))
  t.teardown(() => node.close())
  const asked = new Map<string, number>()
  const published: Uint8Array[] = []
  const net: Net = Object.assign(Object.create(node.net) as Net, {
    peers: () => Object.keys(peers).map(key => ({ key })),
    publish: async (_: string, message: Uint8Array) => void published.push(message),
    request: async (peer: string, _: string, request: Uint8Array) => {
      asked.set(peer, (asked.get(peer) ?? 0) + 1)
      const wanted = decodeGetRequest(request)
      if (isFault(wanted) || wanted.what !== 'delta') return new Uint8Array(0)
      return peers[peer]!(toHex(wanted.digest), wanted.offset)
    }
  })
  const context = { ...node.context, net }
  const { pool } = await makeFollowing(context)
  return { context, asked, published, pool }
}

/** Its payload means nothing, but has the length and the digest that its header says. */
const large = (bytes: number): SignedDelta => {
  const payload = new Uint8Array(bytes).fill(7)
  const header = {
    ...script.delta(AUTHOR).header,
    payloadBytes: payload.length,
    payloadHash: sha256(payload)
  }
  return { ...signDeltaHeader(header, script.chainId, AUTHOR), payload }
}

t.test('a delta is pulled piece by piece; who gives a byte at a time is left at the first', async t => {
  const bytes = encodeSignedDelta(large(2 * PIECE_BYTES + 5))
  const digest = toHex(deltaDigest(large(2 * PIECE_BYTES + 5).header))
  const { context, asked } = await poolAmong(t, {
    miser: async (_, offset) => bytes.slice(offset, offset + 200),
    spender: async () => bytes,
    honest: async (_, offset) => bytes.slice(offset, offset + PIECE_BYTES)
  })
  t.strictSame(await pullDelta(context, digest, ['miser', 'spender']), bytes)
  t.strictSame(Object.fromEntries(asked), { miser: 1, spender: 1, honest: 3 })
})

t.test('a source that is silent keeps nobody from the next, and one that answers is enough', async t => {
  const bytes = encodeSignedDelta(large(2 * PIECE_BYTES + 5))
  const digest = toHex(deltaDigest(large(2 * PIECE_BYTES + 5).header))
  const silent: Serve = () => new Promise(() => {})
  const slow: Serve = async (_, offset) => {
    await pause(systemClock, 50)
    return bytes.slice(offset, offset + PIECE_BYTES)
  }
  const { context, asked } = await poolAmong(t, { silent, dumb: silent, slow, never: silent })
  t.strictSame(await pullDelta(context, digest, []), bytes)
  t.strictSame(Object.fromEntries(asked), { silent: 1, dumb: 1, slow: 3 })
  t.equal(await pullDelta({ ...context, net: { ...context.net, peers: () => [] } }, digest, []), undefined)
})

t.test('whoever announces many deltas makes us ask for one at a time', async t => {
  const waiting: (() => void)[] = []
  const { pool, asked } = await poolAmong(t, {
    other: () => new Promise(resolve => waiting.push(() => resolve(new Uint8Array(0))))
  })
  const announce = (steps: number) =>
    pool.offerHeader(
      encodeSignedDeltaHeader(
        signDeltaHeader({ ...script.delta(AUTHOR).header, steps }, script.chainId, AUTHOR)
      ),
      'other'
    )
  const first = announce(1)
  t.match(await announce(2), { fault: 'DELTA_TWICE' })
  t.match(await announce(3), { fault: 'DELTA_TWICE' })
  waiting[0]!()
  t.match(await first, { fault: 'DELTA_UNAVAILABLE' })
  t.equal(asked.get('other'), 1)
  const next = announce(4)
  await new Promise(resolve => setImmediate(resolve))
  waiting[1]!()
  t.match(await next, { fault: 'DELTA_UNAVAILABLE' }, 'and for the next when that has come to nothing')
})

t.test('what sync pulled in advance is used when nobody else gives it, and held once', async t => {
  const delta = script.delta(AUTHOR)
  const digest = toHex(deltaDigest(delta.header))
  const waiting: (() => void)[] = []
  const { pool } = await poolAmong(t, {
    other: () => new Promise(resolve => waiting.push(() => resolve(new Uint8Array(0))))
  })
  const fetched = pool.fetch(digest, ['other'])
  while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
  pool.keepForSync(digest, encodeSignedDelta(delta))
  waiting[0]!()
  t.match(await fetched, { digest })
})

t.test(
  'an announcement is answered before its delta is pulled, and goes on once, by who holds it',
  async t => {
    const delta = script.delta(AUTHOR)
    const bytes = encodeSignedDelta(delta)
    const waiting: (() => void)[] = []
    const serve: Serve = (_, offset) =>
      new Promise(resolve => waiting.push(() => resolve(bytes.slice(offset))))
    const { pool, published } = await poolAmong(t, { author: serve, relay: serve })
    const announcement = encodeSignedDeltaHeader(delta)
    t.equal(pool.announced(announcement, 'author'), 'pulling')
    t.match(pool.announced(announcement, 'author'), { fault: 'DELTA_KNOWN' })
    t.equal(pool.announced(announcement, 'relay'), 'pulling', 'one that is slow holds up nobody else')
    while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
    t.strictSame(published, [], 'what is not held is not announced')
    waiting[0]!()
    while (published.length === 0) await new Promise(resolve => setImmediate(resolve))
    await pause(systemClock, 20)
    t.strictSame(published, [announcement])
    t.match(pool.announced(announcement, 'author'), { fault: 'DELTA_KNOWN' })
    t.match(pool.announced(announcement, 'anybody'), { fault: 'DELTA_KNOWN' })
  }
)

t.test('a neighbour is asked for what it announces one after the other, and for so many at most', async t => {
  const { pool, asked } = await poolAmong(t, { other: () => new Promise(() => {}) })
  const announce = (steps: number, keys = AUTHOR) => {
    const header = {
      ...script.delta(AUTHOR).header,
      trainer: keys.publicKey,
      payloadHash: sha256(Uint8Array.of(steps))
    }
    return pool.announced(encodeSignedDeltaHeader(signDeltaHeader(header, script.chainId, keys)), 'other')
  }
  const answers = Array.from({ length: 70 }, (_, i) => announce(i, validatorKeys[i % 2]!))
  t.equal(answers.filter(answer => answer === 'pulling').length, 64)
  t.match(answers[69], { fault: 'DELTA_UNAVAILABLE' })
  await pause(systemClock, 20)
  t.equal(asked.get('other'), 1)
})

t.test('a neighbour that has gone is asked for nothing more', async t => {
  const waiting: (() => void)[] = []
  const { pool, asked } = await poolAmong(t, {
    other: () => new Promise(resolve => waiting.push(() => resolve(new Uint8Array(0))))
  })
  const extent = { trainers: 2, seats: 2, connections: 0, slots: 0, liveBlocks: 0 }
  const announcements = (): number => pool.held(extent).find(({ what }) => what === 'announcements')!.entries
  for (const keys of [AUTHOR, validatorKeys[1]!]) {
    const header = { ...script.delta(AUTHOR).header, trainer: keys.publicKey }
    const signed = signDeltaHeader(header, script.chainId, keys)
    t.equal(pool.announced(encodeSignedDeltaHeader(signed), 'other'), 'pulling')
  }
  t.equal(announcements(), 2)
  while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
  pool.forget('other')
  t.equal(announcements(), 0)
  waiting[0]!()
  await pause(systemClock, 20)
  t.equal(asked.get('other'), 1)
})

t.test('an announced delta gets from neighbour to neighbour, past those who know its author', async t => {
  const hub = createMemoryHub()
  const pools: DeltaPool[] = []
  const nodes: Node[] = []
  for (const name of ['author', 'middle', 'far']) {
    const node = await makeNode(script, hub, keysOf(name))
    t.teardown(() => node.close())
    const { context } = node
    const { pool } = await makeFollowing(context)
    serveRequests(
      context,
      { pool: () => pool, ledger: () => undefined, driver: () => undefined, onHello: () => {} },
      name
    )
    openDoor(context, () => ({ pool }) as unknown as DoorParts)
    await node.net.start()
    await nodes.at(-1)?.net.dial(node.net.addresses()[0]!)
    nodes.push(node)
    pools.push(pool)
  }
  const delta = script.delta(AUTHOR)
  await pools[0]!.offer(encodeSignedDelta(delta))
  const { net, topics } = nodes[0]!.context
  await net.publish(topics.announcements.name, encodeSignedDeltaHeader(delta))
  const digest = toHex(deltaDigest(delta.header))
  while (pools[2]!.get(digest) === undefined) await pause(systemClock, 10)
  t.match(pools[2]!.ofTrainer(toHex(AUTHOR.publicKey)), { digest })
  t.strictSame(
    nodes.flatMap(({ failures }) => failures),
    []
  )
})
