import { sha256, utf8 } from '@gradmesh/core'
import { type Attest, bitmapOf } from '@gradmesh/wire'
import t from 'tap'
import { namedTrainers } from '../src/named.ts'

const seed = sha256(utf8('seed'))
const setOf = (...stakes: bigint[]) => ({
  leaderSeed: seed,
  seats: stakes.map((stake, trainer) => ({ key: new Uint8Array(32), stake, trainer }))
})
const attest = (validator: number, trainers: readonly number[], count: number): Attest => ({
  epoch: 0,
  round: 0,
  base: seed,
  setHash: seed,
  bitmap: bitmapOf(count, trainers),
  validator,
  signature: new Uint8Array(64)
})

t.test('more than a third of all stake, by stake and not by heads', async t => {
  const attests = [attest(0, [0, 1], 3), attest(1, [1, 2], 3)]
  t.strictSame(namedTrainers(setOf(1n, 1n, 1n), seed, 3, 0, attests), [1])
  t.strictSame(namedTrainers(setOf(2n, 1n, 1n), seed, 3, 0, attests), [0, 1])
  t.strictSame(namedTrainers(setOf(1n, 1n), seed, 3, 0, attests), [0, 1, 2])
  t.strictSame(namedTrainers(setOf(1n, 1n, 4n), seed, 3, 0, attests), [], 'a third exactly is not enough')
})

t.test('of more than 64, a draw names 64, another one each round', async t => {
  const all = Array.from({ length: 100 }, (_, i) => i)
  const draw = (round: number) => namedTrainers(setOf(1n), seed, 100, round, [attest(0, all, 100)])
  t.equal(draw(0).length, 64)
  t.strictSame(
    draw(0),
    [...new Set(draw(0))].sort((a, b) => a - b)
  )
  t.strictSame(draw(0), draw(0))
  t.notSame(draw(0), draw(1))
  const counts = new Map<number, number>()
  for (let round = 0; round < 50; round++)
    for (const i of draw(round)) counts.set(i, (counts.get(i) ?? 0) + 1)
  t.ok(
    all.every(i => (counts.get(i) ?? 0) >= 15),
    'nobody is left out'
  )
})
