import { Prng } from '@gradmesh/core'
import t from 'tap'
import type { Operation } from '../src/database.ts'
import { openMemory } from '../src/memory.ts'

const put = (key: number, value: number): Operation => ({
  type: 'put',
  key: Uint8Array.of(key),
  value: Uint8Array.of(value)
})

t.test('a crash loses exactly the batches that were not synced', async t => {
  const prng = new Prng('crash')
  for (let run = 0; run < 200; run++) {
    const first = openMemory()
    const batches: [number, boolean][] = Array.from({ length: prng.below(20) }, (_, i) => [i, prng.oneIn(4)])
    for (const [i, sync] of batches) await first.batch([put(i, i), put(200, i)], { sync })
    const durable = batches.findLastIndex(([, sync]) => sync) + 1
    const lost = batches.length - durable
    t.equal(first.unsynced, lost)
    const kept = prng.below(lost + 1)
    const second = first.crash(kept)
    for (const [i] of batches) {
      const found = await second.get(Uint8Array.of(i))
      if ((found !== undefined) !== i < durable + kept) t.fail(`run ${run}, batch ${i}`)
    }
    const newest = (await second.get(Uint8Array.of(200)))?.[0]
    t.equal(newest, durable + kept === 0 ? undefined : durable + kept - 1)
    await t.rejects(first.get(Uint8Array.of(1)), { code: 'STORE_CLOSED' })
  }
})

t.test(
  'faults of the disk: refused, or written without an answer; nothing more until it is opened again',
  async t => {
    const first = openMemory({ fault: batch => (batch === 1 ? 'full' : batch === 3 ? 'lost-answer' : null) })
    await first.batch([put(0, 0)], { sync: true })
    await t.rejects(first.batch([put(1, 1)], { sync: true }), { code: 'STORE_FULL' })
    t.equal(await first.get(Uint8Array.of(1)), undefined)
    await t.rejects(first.batch([put(2, 2)], { sync: true }), { code: 'STORE_FULL' })
    const second = first.crash()
    await second.batch([put(2, 2)], { sync: false })
    await t.rejects(second.batch([put(3, 3)], { sync: false }), { code: 'STORE_IO' })
    const third = second.crash()
    for (const [key, there] of [
      [0, true],
      [1, false],
      [2, true],
      [3, true]
    ] as const) {
      t.equal((await third.get(Uint8Array.of(key))) !== undefined, there, `value ${key}`)
    }
  }
)
