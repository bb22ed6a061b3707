/** What every `Database` promises, run on each adapter. */

import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Database, Operation, Range } from '../src/database.ts'
import { openLevelDb } from '../src/leveldb.ts'
import { type MemoryDatabase, openMemory } from '../src/memory.ts'

interface Adapter {
  readonly name: string
  open(t: Test): Promise<Database>
  /** Ends this handle without a crash and opens what it left. */
  reopen(database: Database): Promise<Database>
}

const folders = new Map<Database, string>()
const adapters: readonly Adapter[] = [
  {
    name: 'leveldb',
    open: async t => {
      const folder = t.testdir()
      const database = await openLevelDb(folder, { create: true })
      folders.set(database, folder)
      return database
    },
    reopen: async database => {
      const folder = folders.get(database)!
      await database.close()
      const again = await openLevelDb(folder, { create: false })
      folders.set(again, folder)
      return again
    }
  },
  {
    name: 'memory',
    open: async () => openMemory(),
    reopen: async database => (database as MemoryDatabase).crash((database as MemoryDatabase).unsynced)
  }
]

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const put = (key: Uint8Array, value: Uint8Array): Operation => ({ type: 'put', key, value })
const del = (key: Uint8Array): Operation => ({ type: 'del', key })
const ALL: Range = { from: bytes(0), to: new Uint8Array(9).fill(255) }

const listed = async (database: Database, range: Range): Promise<[number[], number[]][]> => {
  const found: [number[], number[]][] = []
  for await (const [key, value] of database.entries(range)) found.push([[...key], [...value]])
  return found
}

for (const adapter of adapters) {
  t.test(adapter.name, async t => {
    t.test('gets what was put, until it is deleted', async t => {
      const database = await adapter.open(t)
      t.equal(await database.get(bytes(1)), undefined)
      await database.batch([put(bytes(1), bytes(1, 2, 3)), put(bytes(2), bytes())], { sync: false })
      t.strictSame([...(await database.get(bytes(1)))!], [1, 2, 3])
      t.strictSame([...(await database.get(bytes(2)))!], [])
      await database.batch([del(bytes(1)), del(bytes(9))], { sync: true })
      t.equal(await database.get(bytes(1)), undefined)
      await database.batch([], { sync: true })
      await database.close()
    })

    t.test('the last operation on a key in a batch wins', async t => {
      const database = await adapter.open(t)
      await database.batch([put(bytes(1), bytes(1)), del(bytes(1)), put(bytes(1), bytes(2))], { sync: false })
      t.strictSame([...(await database.get(bytes(1)))!], [2])
      await database.batch([put(bytes(1), bytes(3)), del(bytes(1))], { sync: false })
      t.equal(await database.get(bytes(1)), undefined)
      await database.close()
    })

    t.test('keeps no reference to what it was given, nor gives any away', async t => {
      const database = await adapter.open(t)
      const key = bytes(1)
      const value = bytes(7)
      await database.batch([put(key, value)], { sync: false })
      key[0] = 9
      value[0] = 9
      const got = (await database.get(bytes(1)))!
      t.strictSame([...got], [7])
      got[0] = 5
      t.strictSame([...(await database.get(bytes(1)))!], [7])
      await database.close()
    })

    t.test('ranges: inclusive, exclusive, reversed, limited, by unsigned byte, prefix first', async t => {
      const database = await adapter.open(t)
      const keys = [
        bytes(0),
        bytes(1),
        bytes(1, 0),
        bytes(1, 255),
        bytes(127),
        bytes(128),
        bytes(255),
        bytes(255, 1)
      ]
      await database.batch(
        keys.toReversed().map((key, i) => put(key, bytes(i))),
        { sync: false }
      )
      const keysIn = async (range: Range): Promise<number[][]> =>
        (await listed(database, range)).map(([key]) => key)
      t.strictSame(
        await keysIn(ALL),
        keys.map(key => [...key])
      )
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(128) }), [[1], [1, 0], [1, 255], [127]])
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(128), reverse: true }), [
        [127],
        [1, 255],
        [1, 0],
        [1]
      ])
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(128), limit: 2 }), [[1], [1, 0]])
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(128), limit: 1, reverse: true }), [[127]])
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(128), limit: 0 }), [])
      t.strictSame(await keysIn({ from: bytes(1), to: bytes(1) }), [])
      t.strictSame(await keysIn({ from: bytes(9), to: bytes(2) }), [])
      await database.close()
    })

    t.test('an iterator sees what was there when it began, and may be left early', async t => {
      const database = await adapter.open(t)
      await database.batch([put(bytes(1), bytes(1)), put(bytes(2), bytes(2))], { sync: false })
      const seen: number[] = []
      for await (const [key] of database.entries(ALL)) {
        seen.push(key[0]!)
        await database.batch([del(bytes(2)), put(bytes(3), bytes(3))], { sync: false })
      }
      t.strictSame(seen, [1, 2])
      for await (const [key] of database.entries(ALL)) {
        t.equal(key[0], 1)
        break
      }
      await database.close()
    })

    t.test('what was written is there after a restart', async t => {
      const first = await adapter.open(t)
      await first.batch([put(bytes(1), bytes(1))], { sync: true })
      await first.batch([put(bytes(2), new Uint8Array(100_000).fill(7))], { sync: false })
      const second = await adapter.reopen(first)
      t.strictSame([...(await second.get(bytes(1)))!], [1])
      t.equal((await second.get(bytes(2)))!.length, 100_000)
      await second.close()
    })

    t.test('files: written and read anywhere, there after a restart, gone when removed', async t => {
      const database = await adapter.open(t)
      const { files } = database
      t.strictSame(await files.names(), [])
      t.equal(await files.size('leaves-7'), undefined)
      t.equal(await files.read('leaves-7', 0, 1), undefined)
      await files.sync('leaves-7')
      const written = bytes(1, 2, 3)
      await Promise.all([files.write('leaves-7', 4, written), files.write('leaves-7', 1, bytes(9))])
      written[0] = 8
      t.equal(await files.size('leaves-7'), 7)
      t.strictSame([...(await files.read('leaves-7', 0, 7))!], [0, 9, 0, 0, 1, 2, 3])
      t.equal(await files.read('leaves-7', 5, 3), undefined, 'more than there is')
      const read = (await files.read('leaves-7', 4, 1))!
      read[0] = 5
      t.strictSame([...(await files.read('leaves-7', 4, 1))!], [1])
      const into = bytes(6, 6, 6, 6)
      const placed = (await files.read('leaves-7', 4, 3, into))!
      t.equal(placed.buffer, into.buffer)
      t.strictSame(
        [[...placed], [...into]],
        [
          [1, 2, 3],
          [1, 2, 3, 6]
        ]
      )
      const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(4)
      await files.write('leaves-7', 7, shared)
      shared.fill(5)
      t.strictSame([...(await files.read('leaves-7', 6, 3))!], [3, 4, 4])
      await files.sync('leaves-7')
      await files.write('leaves-12', 0, new Uint8Array(100_000).fill(7))
      t.ok((await database.sizeOf()) >= 100_007)
      const again = await adapter.reopen(database)
      t.strictSame((await again.files.names()).toSorted(), ['leaves-12', 'leaves-7'])
      t.equal(await again.files.size('leaves-12'), 100_000)
      t.strictSame([...(await again.files.read('leaves-7', 1, 1))!], [9])
      await again.files.remove('leaves-7')
      await again.files.remove('leaves-7')
      t.equal(await again.files.read('leaves-7', 0, 1), undefined)
      t.strictSame(await again.files.names(), ['leaves-12'])
      await again.close()
      const uses: (() => Promise<unknown>)[] = [
        () => again.files.names(),
        () => again.files.read('leaves-12', 0, 1),
        () => again.files.write('leaves-12', 0, bytes(1)),
        () => again.files.sync('leaves-12')
      ]
      for (const use of uses) await t.rejects(use(), { name: 'MeshError', code: 'STORE_CLOSED' })
    })

    t.test('a closed database answers STORE_CLOSED', async t => {
      const database = await adapter.open(t)
      await database.close()
      await database.close()
      const uses: (() => Promise<unknown>)[] = [
        () => database.get(bytes(1)),
        () => database.batch([put(bytes(1), bytes(1))], { sync: false }),
        () => listed(database, ALL)
      ]
      for (const use of uses) {
        await t.rejects(use(), { name: 'MeshError', code: 'STORE_CLOSED' })
      }
    })

    t.test('any sequence of batches leaves what a plain map holds', async t => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 2 })
      const operation = fc.oneof(
        fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 8 }) }),
        fc.record({ type: fc.constant('del' as const), key })
      )
      const database = await adapter.open(t)
      const model = new Map<string, number[]>()
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 20 }), fc.boolean(), async (operations, sync) => {
          await database.batch(operations, { sync })
          for (const one of operations) {
            if (one.type === 'put') model.set(String([...one.key]), [...one.value])
            else model.delete(String([...one.key]))
          }
          const found = await listed(database, { from: new Uint8Array(0), to: new Uint8Array(9).fill(255) })
          const wanted = new Map(model)
          for (const [key, value] of found) {
            if (String(wanted.get(String(key))) !== String(value)) return false
            wanted.delete(String(key))
          }
          return wanted.size === 0
        }),
        { numRuns: 60 }
      )
      t.pass('60 sequences')
      await database.close()
    })
  })
}
