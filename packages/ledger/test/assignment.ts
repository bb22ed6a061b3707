import { sha256, utf8 } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import { assignRows, permutation } from '../src/assignment.ts'

const seed = sha256(utf8('seed'))
const base = { seed, trainerCount: 4, innerSteps: 10, batch: 64, samples: 8000 }

t.test('each pass is a permutation, whatever N is', async t => {
  for (const samples of [1, 2, 3, 4, 5, 15, 16, 17, 1000, 8000]) {
    const permute = permutation(seed, 3n, samples)
    const seen = new Set(Array.from({ length: samples }, (_, x) => permute(x)))
    t.equal(seen.size, samples)
    t.ok([...seen].every(x => x >= 0 && x < samples))
  }
  const large = permutation(seed, 0n, 2 ** 31)
  t.ok([0, 1, 2 ** 31 - 1].every(x => large(x) >= 0 && large(x) < 2 ** 31))
})

t.test('passes differ, seeds differ, and neighbours are torn apart', async t => {
  const order = (s: Uint8Array, epoch: bigint) => {
    const permute = permutation(s, epoch, 1000)
    return Array.from({ length: 1000 }, (_, x) => permute(x))
  }
  const first = order(seed, 0n)
  t.notSame(order(seed, 1n), first)
  t.notSame(order(sha256(seed), 0n), first)
  const fixed = first.filter((row, x) => row === x).length
  t.ok(fixed < 10, `${fixed} fixed points`)
  const ascents = first.filter((row, x) => x > 0 && row > first[x - 1]!).length
  t.ok(ascents > 440 && ascents < 560, `${ascents} ascents of 999`)
})

t.test('within a pass no two trainers share a sample, and all samples are used', async t => {
  const used = new Uint32Array(8000)
  // 25 rounds of 4 * 640 rows walk through exactly 8 passes.
  for (let round = 0; round < 25; round++) {
    for (let trainerIndex = 0; trainerIndex < 4; trainerIndex++) {
      const rows = assignRows({ ...base, cursor: BigInt(round) * 2560n, trainerIndex })
      t.equal(rows.length, 640)
      for (const row of rows) used[row]!++
    }
  }
  t.ok(used.every(count => count === 8))
})

t.test('any single row can be recomputed alone', async t => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 60n }),
      fc.nat(3),
      fc.integer({ min: 1, max: 3000 }),
      (cursor, trainerIndex, samples) => {
        const rows = assignRows({ ...base, innerSteps: 3, batch: 7, cursor, trainerIndex, samples })
        const position = cursor + BigInt(trainerIndex * 21)
        for (const j of [0, 10, 20]) {
          const at = position + BigInt(j)
          const row = permutation(seed, at / BigInt(samples), samples)(Number(at % BigInt(samples)))
          t.equal(rows[j], row)
        }
      }
    ),
    { numRuns: 60 }
  )
})

t.test('a trainer outside the registry breaks an invariant', async t => {
  t.throws(() => assignRows({ ...base, cursor: 0n, trainerIndex: 4 }), { code: 'INVARIANT' })
  t.throws(() => assignRows({ ...base, cursor: 0n, trainerIndex: 0, samples: 0 }), { code: 'INVARIANT' })
})
