import { isFault } from '@gradmesh/core'
import { createMemoryHub } from '@gradmesh/net/memory'
import { type Block, decodeSyncReply, encodeSyncRequest } from '@gradmesh/wire'
import t from 'tap'
import type { Ledger } from '../../src/state/ledger.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { PROTOCOLS } from '../../src/topics.ts'
import { makeNode } from '../fixtures/node.ts'
import { keysOf, Script } from '../fixtures/script.ts'

t.test('however long the live blocks are, an answer fits, and the next slots come first', async t => {
  const script = new Script().grow(1)
  const body = script.roundBody([])
  const attests = Array.from({ length: 128 }, () => ({ ...body.attests[0]!, bitmap: new Uint8Array(2048) }))
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
