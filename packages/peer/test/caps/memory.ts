import fc from 'fast-check'
import t from 'tap'
import {
  aheadBytesMax,
  checkMemoryCap,
  collectGarbage,
  MemoryJudge,
  memoryNeeded
} from '../../src/caps/memory.ts'

const GiB = 1024 ** 3

t.test('a model that can not fit is refused, with figures and a cap that would do', async t => {
  checkMemoryCap(null, 1e9)
  checkMemoryCap(GiB, 203_530)
  checkMemoryCap(memoryNeeded(1e6), 1e6)
  t.throws(() => checkMemoryCap(GiB, 100_000_000), {
    code: 'CAP_MEMORY',
    message: /1024 MiB.*100000000 parameters takes about 6488 MiB/,
    remedy: /--max-memory 6488MiB/
  })
})

t.test('what is kept in advance follows from the cap', async t => {
  t.equal(aheadBytesMax(null, 64), 64)
  t.equal(aheadBytesMax(GiB, GiB), GiB / 16)
  t.equal(aheadBytesMax(GiB, 1000), 1000)
})

t.test('near the cap caches are shed, above it training stops, well below it goes on', async t => {
  const judge = new MemoryJudge(1000)
  t.strictSame(judge.look(800, 0), { shed: false, stopped: false })
  t.strictSame(judge.look(950, 1000), { shed: true, stopped: false })
  t.strictSame(judge.look(950, 2000), { shed: false, stopped: false }, 'not every second')
  t.strictSame(judge.look(950, 11_000), { shed: true, stopped: false })
  t.strictSame(judge.look(1001, 12_000), { shed: false, stopped: true })
  t.strictSame(judge.look(700, 13_000), { shed: false, stopped: true }, 'not at once')
  t.strictSame(judge.look(900, 80_000), { shed: false, stopped: true }, 'not while it is near')
  t.strictSame(judge.look(840, 81_000), { shed: false, stopped: false })
})

t.test('above the cap it never trains', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 90_000 })), { maxLength: 40 }),
      all => {
        const judge = new MemoryJudge(1000)
        let now = 0
        return all.every(([bytes, ms]) => {
          now += ms
          return judge.look(bytes, now).stopped || bytes <= 1000
        })
      }
    )
  )
})

t.test('garbage is given back when asked', async t => {
  let held: Float64Array[] | null = Array.from({ length: 50 }, () => new Float64Array(131_072).fill(1))
  const before = process.memoryUsage().arrayBuffers
  t.equal(held.length, 50)
  held = null
  collectGarbage()
  // V8 sweeps what arrays held in a thread of its own: it is given back a moment after the call.
  const isGivenBack = () => process.memoryUsage().arrayBuffers < before - 40 * 1024 ** 2
  for (let i = 0; i < 200 && !isGivenBack(); i++) await new Promise(resolve => setTimeout(resolve, 10))
  t.ok(isGivenBack())
})
