import { type Clock, isFault, Prng, systemClock } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import type { ChainStore } from '@gradmesh/store'
import { type Block, decodeSyncReply, encodeGetRequest, encodeSyncRequest } from '@gradmesh/wire'
import t from 'tap'
import type { Ledger } from '../../src/state/ledger.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { PIECE_BYTES, PROTOCOLS } from '../../src/topics.ts'
import { makeNode } from '../fixtures/node.ts'
import { keysOf, Script } from '../fixtures/script.ts'

t.test('however long the live blocks are, an answer fits, and the next slots come first', async t => {
  const script = new Script().grow(1)
  const body = script.roundBody([])
  const attests = Array.from({ length: 128 }, () => ({
    ...body.attests.at(0)!,
    bitmap: new Uint8Array(2048)
  }))
  const long = script.next({ ...body, attests })
  const live: Block[] = Array.from({ length: 40 }, (_, i) => ({
    ...long,
    header: { ...long.header, slot: 41 - i }
  }))
  const hub = createMemoryHub()
  const [source, asker] = [await makeNode(script, hub, keysOf('a')), await makeNode(script, hub, keysOf('b'))]
  t.teardown(() => Promise.all([source.close(), asker.close()]))
  const ledger = { final: { slot: 1 }, liveBlocks: () => live } as unknown as Ledger
  const nothing = { driver: () => undefined, pool: () => undefined, onHello: () => {} }
  serveRequests(source.context, { ...nothing, ledger: () => ledger }, 'test')
  await source.net.start()
  await asker.net.start()
  await asker.net.dial(source.net.addresses()[0]!)
  const { name, replyBytes } = PROTOCOLS.sync
  const request = encodeSyncRequest({ finalHeight: 0, frontier: 1 })
  const bytes = await asker.net.request(source.net.self, name, request, {
    timeoutMs: 10_000,
    maxReplyBytes: replyBytes
  })
  const reply = decodeSyncReply(bytes)
  if (isFault(reply)) return t.fail(reply.fault)
  t.equal(reply.live.blocks.length, 3)
  t.strictSame(
    reply.live.blocks.map(({ header }) => header.slot),
    reply.live.blocks.map((_, i) => 2 + i)
  )
})

t.test('pieces of one delta cost one reading of it, and its bytes their reader', async t => {
  const script = new Script().grow(1)
  const hub = createMemoryHub()
  const [source, asker] = [await makeNode(script, hub, keysOf('a')), await makeNode(script, hub, keysOf('b'))]
  t.teardown(() => Promise.all([source.close(), asker.close()]))
  const bytes = new Prng('a delta').bytes(100 * PIECE_BYTES)
  let reads = 0
  let nowMs = 0
  const waits: number[] = []
  const chain: ChainStore = Object.assign(Object.create(source.chain) as ChainStore, {
    deltaBytes: async (digest: Uint8Array) => {
      reads++
      return digest[0] === 0 ? undefined : bytes
    },
    head: () => source.chain.head()
  })
  const clock: Clock = {
    ...systemClock,
    nowMs: () => nowMs,
    after: (ms, then) => {
      waits.push(ms)
      nowMs += ms
      setImmediate(then)
      return { cancel: () => {} }
    }
  }
  const nothing = {
    ledger: () => undefined,
    driver: () => undefined,
    pool: () => undefined,
    onHello: () => {}
  }
  serveRequests({ ...source.context, chain, clock }, nothing, 'test')
  await source.net.start()
  await asker.net.start()
  await asker.net.dial(source.net.addresses()[0]!)
  const ask = (digest: number, piece: number): Promise<Uint8Array> =>
    asker.net.request(
      source.net.self,
      PROTOCOLS.get.name,
      encodeGetRequest({
        what: 'delta',
        digest: new Uint8Array(32).fill(digest),
        offset: piece * PIECE_BYTES
      }),
      { timeoutMs: 10_000, maxReplyBytes: PIECE_BYTES }
    )
  const pieces = await Promise.all([0, 1, 2].map(piece => ask(1, piece)))
  t.strictSame(
    pieces,
    [0, 1, 2].map(piece => bytes.slice(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES))
  )
  t.equal(reads, 1)
  for (const digest of [2, 1, 2, 1]) await ask(digest, 5)
  t.equal(reads, 2, 'two are kept')
  t.equal((await ask(0, 0)).length + (await ask(0, 0)).length, 0)
  t.equal(reads, 4, 'what is not there is looked for again')
  t.strictSame(waits, [])
  for (let i = 0; i < 30; i++) await ask(10 + i, 5)
  t.ok(nowMs > 1500, `3,200 tokens of 2,048 and 512 a second were waited for: ${nowMs} ms`)
})
