import { Prng, toHex } from '@gradmesh/core'
import { type Block, blockIdOf, DigestList, leafDigest, VoteKind } from '@gradmesh/wire'
import t from 'tap'
import { auditChain } from '../../src/chain/audit.ts'
import { BASE } from '../../src/chain/keys.ts'
import { createChain } from '../../src/chain/opening.ts'
import { encodeHead } from '../../src/chain/values.ts'
import type { Operation } from '../../src/database.ts'
import { type MemoryDatabase, openMemory } from '../../src/memory.ts'
import { put } from '../../src/sealed.ts'
import {
  blockOn,
  certificateOf,
  deltaOf,
  finalOf,
  GENESIS_BYTES,
  idOf,
  parentOf,
  receiptOf,
  START
} from '../fixtures/chain.ts'

const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(64).fill(255) }
const HEIGHTS = 6

/** One of everything that a chain can hold. */
const grow = async (): Promise<{ database: MemoryDatabase; blocks: Block[] }> => {
  const prng = new Prng('audit')
  const database = openMemory()
  const chain = await createChain(database, GENESIS_BYTES)
  const blocks: Block[] = []
  for (let height = 1; height <= HEIGHTS + 1; height++) {
    const parent = blocks.at(-1)
    const own = [deltaOf(prng, height), deltaOf(prng, height)]
    const block = blockOn(prng, parent === undefined ? START : parentOf(parent), own)
    await chain.putProposal(block, own)
    blocks.push(block)
    if (height > HEIGHTS) break
    await chain.commitFinal(
      [block],
      finalOf(prng, block),
      own.map((delta, i) => receiptOf(delta, height, i))
    )
  }
  const live = blocks.at(-1)!
  await chain.putCertificate(certificateOf(prng, live.header.slot, blockIdOf(live.header), VoteKind.NOTAR))
  await chain.putDeltas([deltaOf(prng, 99)])
  const pieces = [prng.bytes(90), prng.bytes(90), prng.bytes(90)]
  for (const height of [2, 4])
    await chain.putCheckpoint(
      { height, accounts: prng.bytes(50), leaves: DigestList.from(pieces.map(leafDigest)) },
      pieces
    )
  await chain.putError(5, new Int32Array(100_000).fill(9), deltaOf(prng, 98))
  await chain.putMeta('x', Uint8Array.of(1))
  return { database, blocks }
}

const all = async (database: MemoryDatabase): Promise<(readonly [Uint8Array, Uint8Array])[]> => {
  const found: (readonly [Uint8Array, Uint8Array])[] = []
  for await (const entry of database.entries(EVERYTHING)) found.push(entry)
  return found
}

t.test('a whole chain has no findings', async t => {
  const { database, blocks } = await grow()
  const last = blocks[HEIGHTS - 1]!
  const audit = await auditChain(database, { height: HEIGHTS, id: blockIdOf(last.header) })
  t.strictSame(audit.findings, [])
  t.equal(audit.head.height, HEIGHTS)
  t.equal(audit.values, (await all(database)).length)
})

t.test('a chain that starts from a checkpoint holds the deltas of the blocks above it alone', async t => {
  const prng = new Prng('adopted')
  const database = openMemory()
  const chain = await createChain(database, GENESIS_BYTES)
  const below = blockOn(prng, START, [])
  const adopted = blockOn(prng, parentOf(below), [deltaOf(prng, 1)])
  const { height } = adopted.header
  await chain.adopt(adopted, { height, accounts: new Uint8Array(), leaves: DigestList.from([]) })
  t.strictSame((await auditChain(database)).findings, [])
  const own = deltaOf(prng, 2)
  const next = blockOn(prng, parentOf(adopted), [own])
  await chain.putProposal(next, [own])
  await chain.commitFinal([next], finalOf(prng, next), [])
  t.strictSame((await auditChain(database)).findings, [])
})

t.test('a base that is not the block of its height is found, though its checksum fits', async t => {
  const { database } = await grow()
  for (const [height, where] of [
    [4, 4],
    [HEIGHTS + 1, HEIGHTS],
    [2 ** 20, HEIGHTS]
  ] as const) {
    await database.batch([put(BASE, encodeHead({ ...START, height }))], { sync: true })
    t.match((await auditChain(database)).findings, [{ height: where, what: /^base: / }], `height ${height}`)
  }
})

t.test('a flipped bit in any value or key is found, at its height where it has one', async t => {
  const { database, blocks } = await grow()
  const heights = new Map(blocks.map(block => [toHex(blockIdOf(block.header)), block.header.height]))
  for (const { header, body } of blocks.slice(0, HEIGHTS)) {
    for (const { digest } of body.deltas) heights.set(toHex(digest), header.height)
  }
  const prng = new Prng('flips')
  const letters = new Set<string>()
  for (const [key, value] of await all(database)) {
    const letter = String.fromCharCode(key[0]!)
    letters.add(letter)
    const flipped = value.slice()
    flipped[prng.below(flipped.length)]! ^= 1 << prng.below(8)
    const other = key.slice()
    other[prng.below(other.length)]! ^= 1 << prng.below(8)
    const changes: [string, Operation[], Operation[]][] = [
      ['value', [{ type: 'put', key, value: flipped }], []],
      [
        'key',
        [
          { type: 'del', key },
          { type: 'put', key: other, value }
        ],
        [{ type: 'del', key: other }]
      ]
    ]
    for (const [what, damage, undo] of changes) {
      await database.batch(damage, { sync: true })
      const { findings } = await auditChain(database)
      if (findings.length === 0) t.fail(`${what} of ${letter} ${toHex(key)} passed`)
      const height = ['h', 'f', 'k'].includes(letter)
        ? new DataView(key.buffer, key.byteOffset).getUint32(1)
        : heights.get(toHex(key.subarray(letter === 'q' ? 5 : 1)))
      if (what === 'value' && height !== undefined && !findings.some(finding => finding.height === height)) {
        t.fail(`${letter} ${toHex(key)}: ${JSON.stringify(findings)}, height ${height} wanted`)
      }
      await database.batch([...undo, { type: 'put', key, value }], { sync: true })
    }
  }
  t.equal([...letters].sort().join(''), 'BEGHVbcdfhiklmqr', 'every kind of value was tried')
  t.strictSame((await auditChain(database)).findings, [], 'and all was put back')
})

t.test('a removed value is found', async t => {
  const { database } = await grow()
  for (const [key, value] of await all(database)) {
    const letter = String.fromCharCode(key[0]!)
    // Not every height has a certificate of its own, nor every delta a receipt; the daemon's values are its own.
    if (letter === 'f' && key[4] !== HEIGHTS) continue
    if ('rclmk'.includes(letter)) continue
    await database.batch([{ type: 'del', key }], { sync: true })
    const { findings } = await auditChain(database)
    if (findings.length === 0) t.fail(`without ${letter} ${toHex(key)} it passed`)
    await database.batch([{ type: 'put', key, value }], { sync: true })
  }
  t.strictSame((await auditChain(database)).findings, [])
})

t.test('a head below what safety has seen, or another block there', async t => {
  const { database } = await grow()
  const above = await auditChain(database, { height: HEIGHTS + 1, id: idOf('seen') })
  t.strictSame(
    above.findings.map(({ height }) => height),
    [HEIGHTS + 1]
  )
  const other = await auditChain(database, { height: HEIGHTS - 1, id: idOf('seen') })
  t.strictSame(
    other.findings.map(({ height }) => height),
    [HEIGHTS - 1]
  )
})

t.test('an empty database', async t => {
  const { findings } = await auditChain(openMemory())
  t.ok(findings.some(({ what }) => /genesis/.test(what)))
})

t.test('a damaged, cut or missing file of a checkpoint is found, with its height', async t => {
  const { database } = await grow()
  const { files } = database
  const name = 'leaves-2'
  const whole = (await files.read(name, 0, 270))!
  const cases: [damage: () => Promise<void>, what: RegExp][] = [
    [() => files.write(name, 200, Uint8Array.of(whole[200]! ^ 4)), /^checkpoint: leaf 2: its bytes/],
    [() => files.write(name, 270, new Uint8Array(1)), /missing or cut/],
    [() => files.remove(name), /missing or cut/]
  ]
  for (const [damage, what] of cases) {
    await damage()
    const { findings } = await auditChain(database)
    t.match(findings, [{ height: 2, what }])
    t.equal(findings.length, 1)
    await files.remove(name)
    await files.write(name, 0, whole)
  }
  t.strictSame((await auditChain(database)).findings, [])
})
