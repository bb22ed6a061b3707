import { concatBytes, Prng, toHex } from '@gradmesh/core'
import {
  type Block,
  blockIdOf,
  type Certificate,
  DigestList,
  decodeBlock,
  deltaDigest,
  encodeBlock,
  encodeSignedDelta,
  leafDigest,
  type SignedDelta,
  VoteKind
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { auditChain } from '../../src/chain/audit.ts'
import type { ChainStore } from '../../src/chain/chain-store.ts'
import { createChain, openChain } from '../../src/chain/opening.ts'
import type { Files } from '../../src/database.ts'
import { openLevelDb } from '../../src/leveldb.ts'
import { type MemoryDatabase, openMemory } from '../../src/memory.ts'
import { put } from '../../src/sealed.ts'
import {
  blockOn,
  CHAIN_ID,
  certificateOf,
  deltaOf,
  finalOf,
  GENESIS_BYTES,
  parentOf,
  receiptOf,
  START
} from '../fixtures/chain.ts'

interface Grown {
  readonly database: MemoryDatabase
  readonly chain: ChainStore
  readonly blocks: readonly Block[]
  readonly deltas: readonly SignedDelta[]
}

const prng = new Prng('chain')

/** Its lists packed, as they come from the disk. */
const asRead = (block: Block): Block => decodeBlock(encodeBlock(block)) as Block

/** Four blocks, the second without a certificate of its own. */
const grow = async (): Promise<Grown> => {
  const database = openMemory()
  const chain = await createChain(database, GENESIS_BYTES)
  const blocks: Block[] = []
  const deltas: SignedDelta[] = []
  for (let height = 1; height <= 4; height++) {
    const parent = blocks.at(-1)
    const own = height === 2 ? [] : [deltaOf(prng, height - 1), deltaOf(prng, height - 1)]
    const block = blockOn(prng, parent === undefined ? START : parentOf(parent), own, 2 * height)
    await chain.putDeltas(own.slice(0, 1))
    await chain.putProposal(block, own)
    blocks.push(block)
    deltas.push(...own)
    if (height === 2) continue
    const now = height === 3 ? blocks.slice(1) : [block]
    await chain.commitFinal(
      now,
      finalOf(prng, block),
      own.map((delta, i) => receiptOf(delta, height, i))
    )
  }
  return { database, chain, blocks, deltas }
}

t.test('a new chain stands at its genesis', async t => {
  const database = openMemory()
  await t.rejects(openChain(database), { code: 'STORE_MISSING' })
  const chain = await createChain(database, GENESIS_BYTES)
  t.equal(toHex(chain.chainId), toHex(CHAIN_ID))
  t.equal(chain.head().height, 0)
  t.equal(toHex(chain.head().id), toHex(CHAIN_ID))
  t.equal(await chain.blockAt(0), undefined)
  t.equal(await chain.newestCheckpoint(), undefined)
  t.equal(await chain.error(), undefined)
  t.strictSame(await chain.live(), { blocks: [], certificates: [] })
  await createChain(database, GENESIS_BYTES)
  await t.rejects(createChain(database, Uint8Array.of(1)), { code: 'STORE_EXISTS' })
})

t.test('a chain of another format is named, and nothing of it is read', async t => {
  const { database } = await grow()
  const key = Uint8Array.of('V'.charCodeAt(0))
  const refused = { code: 'STORE_FORMAT', remedy: /move `chain` away/ }
  await database.batch([put(key, Uint8Array.of(0, 0, 0, 2))], { sync: true })
  await t.rejects(openChain(database), { ...refused, message: /format 2.*reads 3/ })
  await t.rejects(createChain(database, GENESIS_BYTES), refused)
  await database.batch([{ type: 'del', key }], { sync: true })
  await t.rejects(openChain(database), { ...refused, message: /before 2/ })
})

t.test('what is final can be read back, also after a crash', async t => {
  const { database, blocks, deltas } = await grow()
  const chain = await openChain(database.crash())
  t.equal(chain.head().height, 4)
  for (const [i, block] of blocks.entries()) {
    t.strictSame(await chain.blockAt(i + 1), asRead(block))
    t.strictSame(await chain.block(blockIdOf(block.header)), asRead(block))
    t.equal(toHex((await chain.idAt(i + 1))!), toHex(blockIdOf(block.header)))
  }
  t.equal(await chain.blockAt(5), undefined)
  const covering = async (height: number): Promise<number | undefined> =>
    (await chain.finalCertificateFor(height))?.slot
  t.equal(await covering(1), 2)
  t.equal(await covering(2), 6, 'the certificate of its nearest descendant')
  t.equal(await covering(4), 8)
  t.equal(await covering(5), undefined)
  for (const delta of deltas) {
    const digest = deltaDigest(delta.header)
    t.strictSame(await chain.delta(digest), delta)
    t.strictSame(await chain.deltaBytes(digest), encodeSignedDelta(delta))
    t.equal((await chain.receipt(digest))!.reward, 250_000_000_000n)
    t.equal((await chain.deltaPlace(digest))!.height, delta.header.round + 1)
  }
  t.strictSame(await chain.receipt(deltaDigest(deltas[0]!.header)), receiptOf(deltas[0]!, 1, 0))
  t.equal((await chain.headersOf(2)).length, 2)
  t.equal((await chain.headersOf(1)).length, 0)
  t.strictSame(await chain.live(), { blocks: [], certificates: [] }, 'nothing is live any more')
})

t.test('blocks become final in order, with their certificate and payloads, or not at all', async t => {
  const { chain, blocks } = await grow()
  const head = blocks.at(-1)!
  const next = blockOn(prng, parentOf(head), [])
  const after = blockOn(prng, parentOf(next), [])
  const refused = (blocks: Block[], certificate: Certificate, name: string): Promise<unknown> =>
    t.rejects(chain.commitFinal(blocks, certificate, []), { code: 'STORE_SEQUENCE' }, name)
  await refused([after], finalOf(prng, after), 'a gap')
  await refused([head], finalOf(prng, head), 'again')
  await refused([blockOn(prng, START, [])], finalOf(prng, next), 'another branch')
  await refused([next], finalOf(prng, after), 'a certificate for another block')
  await refused(
    [next],
    certificateOf(prng, next.header.slot, blockIdOf(next.header), VoteKind.NOTAR),
    'a NOTAR'
  )
  const unheld = blockOn(prng, parentOf(head), [deltaOf(prng, 4)])
  await refused([unheld], finalOf(prng, unheld), 'a payload that is not held')
  await t.rejects(chain.putProposal(unheld, []), { code: 'STORE_SEQUENCE' })
  t.equal(chain.head().height, 4)
  await chain.commitFinal([next, after], finalOf(prng, after), [])
  t.equal(chain.head().height, 6)
})

t.test('live blocks and certificates outlive a restart until they are pruned', async t => {
  const { database, chain, blocks } = await grow()
  const parent = parentOf(blocks.at(-1)!)
  const own = [deltaOf(prng, 9)]
  const first = blockOn(prng, parent, own, 20)
  const rival = blockOn(prng, parent, [], 21)
  await chain.putProposal(rival, [])
  const notar = certificateOf(prng, 20, blockIdOf(first.header), VoteKind.NOTAR)
  const skip = certificateOf(prng, 19, new Uint8Array(32), VoteKind.SKIP)
  await chain.putCertificate(notar)
  await chain.putProposal(first, own)
  await chain.putCertificate(skip)
  const again = await openChain(database.crash())
  t.strictSame(await again.live(), {
    blocks: [asRead(first), asRead(rival)],
    certificates: [skip, notar]
  })
  await again.commitFinal([first], finalOf(prng, first), [])
  await again.pruneLive(22)
  t.strictSame(await again.live(), { blocks: [], certificates: [] })
  t.strictSame(await again.blockAt(5), asRead(first), 'a final block is never pruned')
  t.equal(await again.block(blockIdOf(rival.header)), undefined)
  await again.putProposal(first, own)
  t.strictSame((await again.live()).blocks, [], 'what is final does not become live again')
})

t.test('what is pruned while it is read is gone, not damaged', async t => {
  const { chain, blocks } = await grow()
  const rival = blockOn(prng, parentOf(blocks.at(-1)!), [], 21)
  await chain.putProposal(rival, [])
  const [before, , after] = await Promise.all([chain.live(), chain.pruneLive(22), chain.live()])
  t.strictSame([before.blocks, after.blocks], [[asRead(rival)], []])
  const read: Promise<Block | undefined>[] = []
  const pruned = chain.prune(3, () => false).then(() => true)
  while (!(await Promise.race([pruned, Promise.resolve(false)]))) read.push(chain.blockAt(1))
  t.strictSame(await read.at(-1), undefined)
  for (const block of await Promise.all(read)) t.strictSame(block, block && asRead(blocks[0]!))
})

t.test('deltas that nobody named go, those that a block names stay', async t => {
  const { chain, blocks, deltas } = await grow()
  const unnamed = [deltaOf(prng, 1), deltaOf(prng, 2), deltaOf(prng, 7)]
  const inLive = deltaOf(prng, 2)
  await chain.putDeltas(unnamed)
  await chain.putProposal(blockOn(prng, parentOf(blocks.at(-1)!), [inLive]), [inLive])
  t.equal(await chain.pruneDeltas(0), 0)
  t.equal(await chain.pruneDeltas(7, 3), 0, 'below round 3 was looked through before')
  t.equal(await chain.pruneDeltas(7), 2)
  t.equal(await chain.delta(deltaDigest(unnamed[0]!.header)), undefined)
  t.equal(await chain.deltaPlace(deltaDigest(unnamed[1]!.header)), undefined)
  t.strictSame(await chain.delta(deltaDigest(unnamed[2]!.header)), unnamed[2])
  t.strictSame(await chain.delta(deltaDigest(inLive.header)), inLive)
  for (const delta of deltas) t.ok(await chain.delta(deltaDigest(delta.header)))
})

const piecesOf = (count: number): Uint8Array[] => Array.from({ length: count }, () => prng.bytes(2_000))
const checkpointOf = (height: number, pieces: readonly Uint8Array[]) => ({
  height,
  accounts: Uint8Array.of(1, 2, 3),
  leaves: DigestList.from(pieces.map(leafDigest))
})

t.test('checkpoints: whole or invisible, the newest two', async t => {
  const { database, chain } = await grow()
  const pieces = piecesOf(70)
  const at = (height: number) => checkpointOf(height, pieces)
  await chain.putCheckpoint(at(1), pieces)
  await t.rejects(chain.putCheckpoint(at(5), pieces), { code: 'STORE_SEQUENCE' })
  await t.rejects(chain.putCheckpoint(at(2), pieces.slice(1)), { code: 'STORE_SEQUENCE' })
  async function* cut(): AsyncIterable<Uint8Array> {
    for (const piece of pieces.slice(0, 20)) yield new Uint8Array([...piece, ...new Uint8Array(100_000)])
    throw new Error('the worker died')
  }
  await t.rejects(chain.putCheckpoint(at(2), cut()), { message: 'the worker died' })
  t.equal((await chain.newestCheckpoint())!.height, 1)
  t.same(await database.files.names(), ['leaves-1', 'leaves-2'])
  await chain.putCheckpoint(at(3), pieces)
  t.same(await database.files.names(), ['leaves-1', 'leaves-3'], 'what an interrupted one left is gone')
  t.equal(await chain.leaves(2, 0, 1), undefined)
  await chain.putCheckpoint({ height: 4, accounts: Uint8Array.of(4), leaves: DigestList.from([]) }, [])
  t.equal(await chain.leaves(1, 0, 1), undefined)
  const left = database.crash()
  const again = await openChain(left)
  t.strictSame(await again.newestCheckpoint(), {
    height: 4,
    accounts: Uint8Array.of(4),
    leaves: DigestList.from([])
  })
  t.strictSame(await again.checkpointAt(3), at(3))
  t.strictSame(await again.leaves(3, 68, 2), concatBytes(...pieces.slice(68)))
  t.equal(await again.leaves(3, 69, 2), undefined, 'all or none')
  t.equal(await again.checkpointAt(1), undefined)
})

t.test('a damaged leaf is named, never returned', async t => {
  const { database, chain } = await grow()
  const pieces = piecesOf(3)
  await chain.putCheckpoint(checkpointOf(2, pieces), pieces)
  await database.files.write('leaves-2', 2_500, Uint8Array.of(pieces[1]![500]! ^ 1))
  t.strictSame(await chain.leaves(2, 0, 1), pieces[0])
  await t.rejects(chain.leaves(2, 0, 3), { code: 'STORE_CORRUPT', data: { height: 2 }, message: /leaf 1 of/ })
  await database.files.write('leaves-2', 6_000, new Uint8Array(1))
  await t.rejects(chain.leaves(2, 0, 1), { code: 'STORE_CORRUPT', data: { height: 2 } })
  await database.files.remove('leaves-2')
  await t.rejects(chain.leaves(2, 0, 1), { code: 'STORE_CORRUPT', data: { height: 2 } })
})

t.test(
  'a leaf of the checkpoint that is read again and again is hashed once, and by each process',
  async t => {
    const { database, chain } = await grow()
    const pieces = piecesOf(4)
    for (const height of [2, 3]) await chain.putCheckpoint(checkpointOf(height, pieces), pieces)
    await chain.leaves(3, 0, 3)
    const rotten = Uint8Array.of(pieces[1]![500]! ^ 1)
    await database.files.write('leaves-3', 2_500, rotten)
    const rest = await chain.leaves(3, 1, 2)
    t.equal(rest![500], rotten[0], 'whoever asks checks it too')
    await t.rejects(chain.leaves(3, 0, 4), { code: 'STORE_CORRUPT', message: /leaf 1 of/ }, 'one is new')
    await chain.leaves(2, 0, 1)
    await t.rejects(chain.leaves(3, 1, 2), { code: 'STORE_CORRUPT' }, 'another checkpoint was read')
    await t.rejects((await openChain(database)).leaves(3, 1, 2), { code: 'STORE_CORRUPT' })
  }
)

const boundOr = (files: Files, of: MemoryDatabase, name: string | symbol): unknown => {
  const value: unknown = name === 'files' ? files : Reflect.get(of, name)
  return typeof value === 'function' ? value.bind(of) : value
}

t.test('a checkpoint whose file is not on the disk is not there after a crash', async t => {
  for (const missing of [0, 1, 2, 3]) {
    const { database, chain } = await grow()
    const pieces = piecesOf(3)
    await chain.putCheckpoint(checkpointOf(1, pieces), pieces)
    const kept = database.unsynced
    const files = { ...database.files, sync: () => Promise.reject(new Error('the power goes')) }
    const cut = await openChain(new Proxy(database, { get: (of, name) => boundOr(files, of, name) }))
    await t.rejects(cut.putCheckpoint(checkpointOf(2, pieces), pieces), { message: 'the power goes' })
    const again = await openChain(database.crash(Math.min(kept + missing, database.unsynced)))
    t.equal((await again.newestCheckpoint())!.height, 1)
    t.strictSame(await again.leaves(1, 0, 3), concatBytes(...pieces))
  }
})

t.test('a joiner starts at a verified checkpoint', async t => {
  const database = openMemory()
  const chain = await createChain(database, GENESIS_BYTES)
  const block = blockOn(prng, { height: 41, id: prng.bytes(32), slot: 50 }, [])
  const [a, b] = piecesOf(2) as [Uint8Array, Uint8Array]
  const checkpoint = checkpointOf(42, [a, b])
  await chain.putLeaves(42, 2_000, b)
  t.equal(await chain.heldLeaves(42, 4_000, 1), undefined)
  t.strictSame(await chain.heldLeaves(42, 2_000, 2_001), b, 'as far as it goes')
  await chain.putLeaves(42, 0, a)
  t.equal(await chain.newestCheckpoint(), undefined, 'unseen as long as it is not adopted')
  t.equal(await chain.leaves(42, 0, 1), undefined)
  t.strictSame(await chain.heldLeaves(42, 0, 4_000), concatBytes(a, b))
  await t.rejects(chain.adopt(block, { ...checkpoint, height: 41 }), { code: 'STORE_SEQUENCE' })
  await chain.adopt(block, checkpoint)
  t.strictSame(await chain.newestCheckpoint(), checkpoint)
  t.strictSame(await chain.leaves(42, 0, 2), concatBytes(a, b))
  t.equal(chain.base().height, 42)
  const next = blockOn(prng, parentOf(block), [])
  await chain.commitFinal([next], finalOf(prng, next), [])
  t.equal(chain.head().height, 43)
  await t.rejects(chain.adopt(block, checkpoint), { code: 'STORE_SEQUENCE' })
  const durable = await openChain(database.crash())
  t.strictSame(
    await durable.leaves(42, 0, 2),
    concatBytes(a, b),
    'the leaves were on the disk before the head'
  )
})

t.test('the error buffer is replaced whole', async t => {
  const { database, chain } = await grow()
  const buffer = Int32Array.from({ length: 200_000 }, () => prng.u32() | 0)
  await chain.putError(3, buffer, deltaOf(prng, 3))
  await chain.putError(4, buffer.subarray(0, 100_001), null)
  const crashed = await openChain(database.crash())
  t.strictSame(await crashed.error(), { round: 4, pendingDelta: null, buffer: buffer.slice(0, 100_001) })
  const own = deltaOf(prng, 5)
  await crashed.putError(5, buffer, own)
  t.strictSame((await crashed.error())!.pendingDelta, deltaDigest(own.header))
  t.strictSame(await crashed.delta(deltaDigest(own.header)), own, 'the delta it waits for came with it')
})

t.test(
  'an error buffer whose file is not on the disk is not there after a crash: the one before is',
  async t => {
    const [before, after] = [prng.u32() | 0, prng.u32() | 0].map(n => new Int32Array(300_000).fill(n))
    const own = deltaOf(prng, 7)
    for (const missing of [0, 1, 2, 3]) {
      const { database, chain } = await grow()
      await chain.putError(7, before!, own)
      const kept = database.unsynced
      const files = { ...database.files, sync: () => Promise.reject(new Error('the power goes')) }
      const cut = await openChain(new Proxy(database, { get: (of, name) => boundOr(files, of, name) }))
      await t.rejects(cut.putError(8, after!, deltaOf(prng, 8)), { message: 'the power goes' })
      const again = await openChain(database.crash(Math.min(kept + missing, database.unsynced)))
      t.strictSame(await again.error(), { round: 7, buffer: before, pendingDelta: deltaDigest(own.header) })
    }
  }
)

t.test('a damaged, cut or missing file of the error buffer is told', async t => {
  const buffer = new Int32Array(300_000).fill(9)
  for (const damage of [
    (files: Files) => files.write('error-0', 1_100_000, Uint8Array.of(8)),
    (files: Files) => files.remove('error-0')
  ]) {
    const { database, chain } = await grow()
    const published = deltaOf(prng, 1)
    await chain.putError(1, buffer, published)
    t.match(await chain.error(), { buffer })
    await damage(database.files)
    const own = deltaDigest(published.header)
    t.match(await chain.error(), { round: 1, pendingDelta: own, damage: /error-0/ })
    t.match(await auditChain(database), { findings: [], errorDamage: /error-0/ })
    await chain.putError(2, buffer, null)
    t.match(await chain.error(), { buffer }, 'the other file takes its place')
  }
})

t.test('a full disk: nothing half done, and it goes on when there is space', async t => {
  let full = false
  const database = openMemory({ fault: () => (full ? 'full' : null) })
  const chain = await createChain(database, GENESIS_BYTES)
  const block = blockOn(prng, START, [])
  full = true
  await t.rejects(chain.commitFinal([block], finalOf(prng, block), []), { code: 'STORE_FULL' })
  t.equal(chain.head().height, 0)
  full = false
  const again = await openChain(database.crash())
  t.equal(again.head().height, 0)
  await again.commitFinal([block], finalOf(prng, block), [])
  t.equal(again.head().height, 1)
})

t.test('a lost answer: the restart tells what was written', async t => {
  let lose = false
  const database = openMemory({ fault: () => (lose ? 'lost-answer' : null) })
  const chain = await createChain(database, GENESIS_BYTES)
  const block = blockOn(prng, START, [])
  lose = true
  await t.rejects(chain.commitFinal([block], finalOf(prng, block), []), { code: 'STORE_IO' })
  lose = false
  t.equal((await openChain(database.crash())).head().height, 1)
})

t.test('a flipped value is named with its height, never returned', async t => {
  const { database, chain, blocks, deltas } = await grow()
  const flip = async (letter: string, rest: Uint8Array): Promise<void> => {
    const key = Uint8Array.of(letter.charCodeAt(0), ...rest)
    const value = (await database.get(key))!
    value[value.length >> 1]! ^= 1
    await database.batch([{ type: 'put', key, value }], { sync: true })
  }
  const digest = deltaDigest(deltas[2]!.header)
  await flip('b', blockIdOf(blocks[1]!.header))
  await flip('d', digest)
  await flip('h', Uint8Array.of(0, 0, 0, 4))
  const named = (height: number) => ({
    code: 'STORE_CORRUPT',
    data: { height },
    remedy: /gradmesh verify/
  })
  await t.rejects(chain.blockAt(2), named(2))
  await t.rejects(chain.delta(digest), named(3))
  await t.rejects(chain.blockAt(4), named(4))
})

t.test('on LevelDB, closed and opened', async (t: Test) => {
  const folder = t.testdir()
  const chain = await createChain(await openLevelDb(folder, { create: true }), GENESIS_BYTES)
  const own = [deltaOf(prng, 0, 30_000)]
  const block = blockOn(prng, START, own)
  await chain.putProposal(block, own)
  await chain.commitFinal([block], finalOf(prng, block), [receiptOf(own[0]!, 1)])
  await chain.putMeta('note', Uint8Array.of(7))
  await chain.close()
  const again = await openChain(await openLevelDb(folder, { create: false }))
  t.strictSame(await again.blockAt(1), asRead(block))
  t.strictSame(await again.delta(deltaDigest(own[0]!.header)), own[0])
  t.strictSame([...(await again.meta('note'))!], [7])
  t.equal(await again.meta('none'), undefined)
  await again.close()
})

t.test('pruning takes what is below the new base, and a crash in between loses nothing above', async t => {
  for (const survived of [0, 1, 2]) {
    const { database, chain, blocks, deltas } = await grow()
    const digests = deltas.map(({ header }) => deltaDigest(header))
    const [own, other] = digests
    const isOwn = (): boolean => survived === 1
    await chain.putError(0, new Int32Array(4), deltas[1]!)
    await t.rejects(chain.prune(9, isOwn), { code: 'STORE_SEQUENCE' })
    await chain.prune(3, isOwn)
    t.equal(database.unsynced, 2, 'the base is durable, then blocks and deltas go')
    const crashed = database.crash(survived)
    const again = await openChain(crashed)
    t.strictSame(again.base(), { height: 3, id: blockIdOf(blocks[2]!.header) })
    t.strictSame((await auditChain(crashed)).findings, [], 'what is left is no damage')
    await again.prune(3, isOwn)
    for (const height of [1, 2]) t.equal(await again.idAt(height), undefined)
    t.equal(await again.block(blockIdOf(blocks[0]!.header)), undefined)
    for (const height of [3, 4]) t.strictSame(await again.blockAt(height), asRead(blocks[height - 1]!))
    for (const digest of digests.slice(2)) t.ok(await again.delta(digest))
    t.strictSame(await again.receipt(own!), isOwn() ? receiptOf(deltas[0]!, 1, 0) : undefined)
    t.equal(await again.delta(own!), undefined)
    t.ok(await again.delta(other!), 'the error buffer waits for it')
    t.strictSame((await auditChain(crashed)).findings, [])
  }
})
