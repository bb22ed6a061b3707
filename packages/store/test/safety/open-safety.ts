import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { toHex } from '@gradmesh/core'
import { VoteKind } from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { openLevelDb } from '../../src/leveldb.ts'
import type { SlotFacts } from '../../src/safety/entry.ts'
import { MemoryMirror, newMemorySafetyDisk, openMemorySafety } from '../../src/safety/memory.ts'
import { initSafety, openSafety } from '../../src/safety/opening.ts'
import type { SafetyStore } from '../../src/safety/safety-store.ts'
import { idOf, voteBytesOf } from '../fixtures/chain.ts'

const KEY = idOf('key')
const A = idOf('a')
const B = idOf('b')
const { NOTAR, SKIP, FINAL } = VoteKind

const facts = (slot: number, set: Partial<SlotFacts>): SlotFacts => ({
  slot,
  notar: null,
  skip: false,
  final: null,
  ...set
})
const notar = (store: SafetyStore, slot: number, id = A): Promise<void> =>
  store.recordVote(facts(slot, { notar: toHex(id) }), voteBytesOf(slot, NOTAR, id))
const skip = (store: SafetyStore, slot: number, set: Partial<SlotFacts> = {}): Promise<void> =>
  store.recordVote(facts(slot, { ...set, skip: true }), voteBytesOf(slot, SKIP))
const final = (store: SafetyStore, slot: number, id = A, set: Partial<SlotFacts> = {}): Promise<void> =>
  store.recordVote(facts(slot, { notar: toHex(id), final: toHex(id), ...set }), voteBytesOf(slot, FINAL, id))

const fresh = async (t: Test): Promise<{ parent: string; folder: string; store: SafetyStore }> => {
  const parent = t.testdir()
  const folder = join(parent, 'safety')
  await initSafety(folder, KEY)
  return { parent, folder, store: await openSafety(folder) }
}

t.test('what was recorded is there after a restart, byte for byte', async t => {
  const { folder, store } = await fresh(t)
  t.equal(store.highWaterSlot(), -1)
  await notar(store, 3)
  await final(store, 3)
  await skip(store, 4)
  await store.recordOwnBlock(5, B, Uint8Array.of(1, 2, 3))
  await store.recordFinal(2, A)
  await store.recordSeal(7, B, Uint8Array.of(4, 5))
  await store.close()

  const again = await openSafety(folder)
  t.equal(again.highWaterSlot(), 4)
  t.equal(toHex(again.key), toHex(KEY))
  t.strictSame(
    (await again.votesFrom(0)).map(({ slot, kind, bytes }) => [slot, kind, toHex(bytes)]),
    [
      [3, NOTAR, toHex(voteBytesOf(3, NOTAR, A))],
      [3, FINAL, toHex(voteBytesOf(3, FINAL, A))],
      [4, SKIP, toHex(voteBytesOf(4, SKIP))]
    ]
  )
  t.strictSame(await again.factsFrom(4), [facts(4, { skip: true })])
  t.strictSame(await again.factsFrom(0), [
    facts(3, { notar: toHex(A), final: toHex(A) }),
    facts(4, { skip: true })
  ])
  t.strictSame([...(await again.ownBlock(5))!.bytes!], [1, 2, 3])
  t.equal(await again.ownBlock(6), undefined)
  t.equal((await again.final())!.height, 2)
  t.strictSame([...(await again.seal(7))!.bytes!], [4, 5])
  t.equal(await again.seal(8), undefined)
  await again.close()
})

t.test('nothing that contradicts the record is recorded', async t => {
  const disk = await newMemorySafetyDisk(KEY)
  const store = await openMemorySafety(disk)
  const refused = (promise: Promise<void>, name: string): Promise<unknown> =>
    t.rejects(promise, { code: 'STORE_SAFETY_CONFLICT' }, name)
  await notar(store, 1)
  await notar(store, 1)
  await refused(notar(store, 1, B), 'another notar')
  await refused(final(store, 1, B), 'final for another block')
  await refused(final(store, 1, A, { notar: null }), 'final without its notar')
  await refused(skip(store, 1), 'skip that forgets the notar')
  await skip(store, 1, { notar: toHex(A) })
  await refused(final(store, 1), 'final that forgets the skip')
  await refused(final(store, 1, A, { skip: true }), 'final after skip')
  await notar(store, 2)
  await final(store, 2)
  await refused(skip(store, 2, { notar: toHex(A), final: toHex(A) }), 'skip after final')
  await refused(skip(store, 2, { notar: toHex(A) }), 'skip that forgets the final')
  await refused(final(store, 3), 'two facts by one vote')
  await refused(store.recordVote(facts(3, { skip: true }), voteBytesOf(4, SKIP)), 'vote of another slot')
  await refused(store.recordVote(facts(3, { skip: true }), voteBytesOf(3, NOTAR, A)), 'vote of another kind')
  await refused(
    store.recordVote(facts(3, { notar: toHex(A) }), voteBytesOf(3, NOTAR, B)),
    'vote for another block'
  )
  await refused(store.recordVote(facts(3, { skip: true }), Uint8Array.of(1)), 'no vote')
  await refused(
    store.recordVote(facts(2, { notar: toHex(A), final: toHex(A) }), voteBytesOf(2, SKIP)),
    'vote that no fact is about'
  )
  const other = voteBytesOf(2, NOTAR, A)
  other[other.length - 1]! ^= 1
  await refused(store.recordVote(facts(2, { notar: toHex(A), final: toHex(A) }), other), 'another signature')

  await store.recordOwnBlock(9, A, Uint8Array.of(1))
  await store.recordOwnBlock(9, A, Uint8Array.of(1))
  await refused(store.recordOwnBlock(9, B, Uint8Array.of(2)), 'two own blocks')
  await store.recordSeal(1, A, Uint8Array.of(1))
  await refused(store.recordSeal(1, B, Uint8Array.of(2)), 'two own deltas')
  await store.recordFinal(5, A)
  await store.recordFinal(4, B)
  await refused(store.recordFinal(5, B), 'two final blocks')
  t.equal((await store.final())!.height, 5)
  t.equal((await store.votesFrom(0)).length, 4, 'refusals leave no trace')
  await store.close()
})

t.test('two contradicting votes at the same moment: one is refused', async t => {
  const store = await openMemorySafety(await newMemorySafetyDisk(KEY))
  const results = await Promise.allSettled([notar(store, 1, A), notar(store, 1, B)])
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected']
  )
})

t.test(
  'abstains at or below the high-water slot where no record is, and below the pruning bound',
  async t => {
    const { folder, store } = await fresh(t)
    await notar(store, 10)
    await t.rejects(skip(store, 9), { code: 'STORE_SAFETY_BELOW' })
    await final(store, 10)
    await skip(store, 11)
    await store.recordOwnBlock(10, A, Uint8Array.of(1))
    await store.recordSeal(3, A, Uint8Array.of(1))
    await store.prune({ slot: 11, round: 4 })
    await store.prune({ slot: 5, round: 0 })
    t.strictSame(await store.factsFrom(0), [facts(11, { skip: true })])
    await store.close()
    const again = await openSafety(folder)
    t.equal(again.highWaterSlot(), 11)
    t.equal(await again.ownBlock(10), undefined)
    await t.rejects(notar(again, 10, B), { code: 'STORE_SAFETY_BELOW' })
    await t.rejects(again.recordOwnBlock(10, B, Uint8Array.of(2)), { code: 'STORE_SAFETY_BELOW' })
    await t.rejects(again.recordSeal(3, B, Uint8Array.of(2)), { code: 'STORE_SAFETY_BELOW' })
    await notar(again, 12)
    await again.close()
  }
)

t.test('init never touches a folder that has signed, and finishes one that was cut short', async t => {
  const { parent, folder, store } = await fresh(t)
  await notar(store, 1)
  await store.close()
  await t.rejects(initSafety(folder, KEY), { code: 'STORE_EXISTS' })
  await rename(join(folder, 'high-water'), join(folder, 'elsewhere'))
  await t.rejects(initSafety(folder, KEY), { code: 'STORE_EXISTS' })

  const cut = join(parent, 'cut')
  await initSafety(cut, KEY)
  await rename(join(cut, 'high-water'), join(cut, 'elsewhere'))
  await initSafety(cut, KEY)
  const reopened = await openSafety(cut)
  await notar(reopened, 1)
  await reopened.close()
})

t.test('a missing folder is STORE_MISSING, and opening makes none', async t => {
  const parent = t.testdir()
  await t.rejects(openSafety(join(parent, 'none')), { code: 'STORE_MISSING', remedy: /key export/ })
  t.strictSame(await readdir(parent), [])
})

t.test(
  'a crash between the two writes: the database is brought forward from the high-water file',
  async t => {
    const disk = await newMemorySafetyDisk(KEY)
    const store = await openMemorySafety(disk)
    await notar(store, 1)
    // The mirror goes ahead by one record, as if the process died before LevelDB heard of it.
    const lost = disk.database
    const interrupt = async (
      act: (store: SafetyStore) => Promise<void>,
      from: typeof disk
    ): Promise<typeof disk> => {
      const copy = { database: from.database.crash(), mirror: new MemoryMirror() }
      copy.mirror.newest = from.mirror.newest
      const stopping = {
        database: Object.assign(Object.create(copy.database), {
          get: (key: Uint8Array) => copy.database.get(key),
          entries: (range: never) => copy.database.entries(range),
          batch: async () => {
            throw new Error('the process died here')
          }
        }) as typeof lost,
        mirror: copy.mirror
      }
      const dying = await openMemorySafety(stopping)
      await t.rejects(act(dying), { code: 'STORE_IO' })
      await t.rejects(notar(dying, 50), { code: 'STORE_SAFETY_STOPPED' }, 'nobody knows what the disk holds')
      return copy
    }

    let now = await interrupt(dying => final(dying, 1), disk)
    let back = await openMemorySafety(now)
    t.strictSame(await back.factsFrom(0), [facts(1, { notar: toHex(A), final: toHex(A) })])
    t.equal(toHex((await back.votesFrom(0))[1]!.bytes), toHex(voteBytesOf(1, FINAL, A)))

    now = await interrupt(dying => skip(dying, 7), now)
    back = await openMemorySafety(now)
    t.equal(back.highWaterSlot(), 7)

    now = await interrupt(dying => dying.recordOwnBlock(8, A, Uint8Array.of(1)), now)
    back = await openMemorySafety(now)
    t.strictSame(await back.ownBlock(8), { id: A, bytes: null }, 'the bytes are lost')
    await t.rejects(back.recordOwnBlock(8, B, Uint8Array.of(2)), { code: 'STORE_SAFETY_CONFLICT' })
    await back.recordOwnBlock(8, A, Uint8Array.of(1))
    t.strictSame([...(await back.ownBlock(8))!.bytes!], [1])

    now = await interrupt(dying => dying.recordSeal(8, A, Uint8Array.of(1)), now)
    back = await openMemorySafety(now)
    await t.rejects(back.recordSeal(8, B, Uint8Array.of(2)), { code: 'STORE_SAFETY_CONFLICT' })
    now = await interrupt(dying => dying.recordFinal(8, A), now)
    back = await openMemorySafety(now)
    t.equal((await back.final())!.height, 8)
  }
)

t.test('a failed write stops the store', async t => {
  const disk = await newMemorySafetyDisk(KEY)
  const store = await openMemorySafety(disk)
  disk.mirror.failure = Object.assign(new Error('write'), { code: 'ENOSPC' })
  await t.rejects(notar(store, 1), { code: 'STORE_FULL' })
  disk.mirror.failure = null
  await t.rejects(notar(store, 1), { code: 'STORE_SAFETY_STOPPED' })
  const again = await openMemorySafety({ ...disk, database: disk.database.crash() })
  await notar(again, 1)
})

t.test('a disagreement of database and high-water file: refuses to sign', async t => {
  const prepare = async (t: Test): Promise<{ parent: string; folder: string; mirror: string }> => {
    const { parent, folder, store } = await fresh(t)
    for (let slot = 1; slot <= 5; slot++) await notar(store, slot)
    await store.close()
    return { parent, folder, mirror: join(folder, 'high-water') }
  }
  const refusal = { code: 'STORE_SAFETY_MISMATCH', remedy: /gradmesh key import/ }

  t.test('high-water file missing', async t => {
    const { folder, mirror } = await prepare(t)
    await rename(mirror, mirror + '.gone')
    await t.rejects(openSafety(folder), refusal)
  })
  t.test('high-water file rolled back', async t => {
    const { folder, mirror } = await prepare(t)
    await writeFile(mirror, (await readFile(mirror)).subarray(0, -512))
    await t.rejects(openSafety(folder), refusal)
  })
  t.test('any flipped bit of the high-water file, the newest record included', async t => {
    const { folder, mirror } = await prepare(t)
    const whole = await readFile(mirror)
    for (let at = 0; at < whole.length; at += 211) {
      const flipped = Buffer.from(whole)
      flipped[at]! ^= 1 << (at % 8)
      await writeFile(mirror, flipped)
      await t.rejects(openSafety(folder), refusal, `byte ${at}`)
    }
    await writeFile(mirror, whole)
    await (await openSafety(folder)).close()
  })
  t.test('a record cut short by a crash is no disagreement', async t => {
    const { folder, mirror } = await prepare(t)
    await writeFile(mirror, Buffer.concat([await readFile(mirror), Buffer.from('gmh1 half a record')]))
    const store = await openSafety(folder)
    await notar(store, 6)
    await store.close()
    await (await openSafety(folder)).close()
  })
  t.test('database rolled back by two', async t => {
    const { parent, folder, mirror } = await prepare(t)
    const other = join(parent, 'other')
    await initSafety(other, KEY)
    const store = await openSafety(other)
    for (let slot = 1; slot <= 3; slot++) await notar(store, slot)
    await store.close()
    await writeFile(join(other, 'high-water'), await readFile(mirror))
    await t.rejects(openSafety(other), refusal)
    await (await openSafety(folder)).close()
  })
  t.test('database gone', async t => {
    const { parent, folder } = await prepare(t)
    for (const name of await readdir(folder)) {
      if (name !== 'high-water') await rename(join(folder, name), join(parent, name))
    }
    await t.rejects(openSafety(folder), refusal)
  })
  t.test('database damaged', async t => {
    const { folder } = await prepare(t)
    const log = join(folder, (await readdir(folder)).find(name => name.endsWith('.log'))!)
    const bytes = await readFile(log)
    bytes[bytes.length >> 1]! ^= 4
    await writeFile(log, bytes)
    await t.rejects(openSafety(folder), { code: 'STORE_CORRUPT', message: /\.log/ })
    await t.rejects(openSafety(folder), { code: 'STORE_CORRUPT' }, 'and still, at the second try')
  })
})

t.test('the high-water file turns over and stays small', async t => {
  const { folder, store } = await fresh(t)
  for (let slot = 1; slot <= 600; slot++) await skip(store, slot)
  await store.close()
  t.ok((await readFile(join(folder, 'high-water'))).length <= 512 * 512)
  const again = await openSafety(folder)
  t.equal(again.highWaterSlot(), 600)
  t.equal((await again.factsFrom(0)).length, 600)
  await again.close()
})

t.test('a value flipped inside the database is named, not returned', async t => {
  const { folder, store } = await fresh(t)
  await notar(store, 1)
  await store.close()
  const database = await openLevelDb(folder, { create: false })
  const key = Uint8Array.of(0x73, 0, 0, 0, 1)
  const value = (await database.get(key))!
  value[3]! ^= 1
  await database.batch([{ type: 'put', key, value }], { sync: true })
  await database.close()
  const again = await openSafety(folder)
  await t.rejects(again.factsFrom(0), { code: 'STORE_CORRUPT', data: { what: 'the facts of slot 1' } })
  await t.rejects(final(again, 1), { code: 'STORE_CORRUPT' })
  await again.close()
})

t.test('a second process on the folder: STORE_LOCKED, and kill -9 loses no acknowledged vote', async t => {
  const folder = join(t.testdir(), 'safety')
  await initSafety(folder, KEY)
  let acknowledged = 0
  for (let life = 0; life < 6; life++) {
    const child = fork(new URL('../fixtures/voter.ts', import.meta.url), [folder, String(acknowledged + 1)])
    child.on('message', slot => {
      acknowledged = Math.max(acknowledged, Number(slot))
    })
    await once(child, 'message')
    if (life === 0)
      await t.rejects(openSafety(folder), { code: 'STORE_LOCKED', message: folder, remedy: /--data/ })
    await sleep(20 + 13 * life)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await openSafety(folder)
    const votes = await store.votesFrom(0)
    t.ok(votes.length >= acknowledged, `${votes.length} votes on record, ${acknowledged} acknowledged`)
    t.strictSame(
      votes.map(({ slot }) => slot),
      Array.from({ length: votes.length }, (_, i) => i + 1)
    )
    t.equal(store.highWaterSlot(), votes.length)
    acknowledged = votes.length
    await store.close()
  }
})
