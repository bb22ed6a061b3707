import { readFileSync } from 'node:fs'
import { fromHex, sha256, utf8 } from '@gradmesh/core'
import t from 'tap'
import { leaderOf } from '../src/index.ts'

interface Vector {
  seed: string
  validators: { key: string; stake: string }[]
  leaders: number[]
}

t.test('leaders of slots 1 to 64 stay what they are', async t => {
  const vectors: Vector[] = JSON.parse(readFileSync(new URL('vectors/leaders.json', import.meta.url), 'utf8'))
  t.equal(vectors.length, 3)
  for (const { seed, validators, leaders } of vectors) {
    const lottery = {
      leaderSeed: fromHex(seed)!,
      validators: validators.map(({ key, stake }) => ({ key: fromHex(key)!, stake: BigInt(stake) }))
    }
    t.strictSame(
      leaders.map((_, i) => leaderOf(lottery, i + 1)),
      leaders
    )
  }
})

const key = (i: number) => sha256(utf8(`key ${i}`))
const leaderSeed = sha256(utf8('seed'))

t.test('slots fall in proportion to stake', async t => {
  const validators = [1n, 2n, 3n, 4n, 0n].map((stake, i) => ({ key: key(i), stake }))
  const slots = 5_000
  const counts = [0, 0, 0, 0, 0]
  for (let slot = 1; slot <= slots; slot++) counts[leaderOf({ leaderSeed, validators }, slot)]!++
  for (const [i, { stake }] of validators.entries()) {
    const p = Number(stake) / 10
    const sigma = Math.sqrt(slots * p * (1 - p))
    t.ok(Math.abs(counts[i]! - slots * p) <= 4 * sigma, `${counts[i]} of ${slots} for stake ${stake}`)
  }
})

t.test('the order of the list does not matter, only keys do', async t => {
  const validators = [5n, 1n, 7n, 2n].map((stake, i) => ({ key: key(i), stake }))
  const turned = validators.toReversed()
  for (let slot = 1; slot <= 100; slot++) {
    t.equal(
      leaderOf({ leaderSeed, validators }, slot),
      3 - leaderOf({ leaderSeed, validators: turned }, slot)
    )
  }
})

t.test('stakes up to 2^64 in total are drawn without bias; more or none is refused', async t => {
  const of = (...stakes: bigint[]) => ({
    leaderSeed,
    validators: stakes.map((stake, i) => ({ key: key(i), stake }))
  })
  const half = 1n << 63n
  const counts = [0, 0]
  // A total just above half the range rejects nearly every second draw.
  for (let slot = 1; slot <= 400; slot++) counts[leaderOf(of(half >> 1n, (half >> 1n) + 1n), slot)]!++
  t.ok(Math.abs(counts[0]! - 200) <= 40, `${counts}`)
  t.type(leaderOf(of(half, half), 1), 'number')
  t.throws(() => leaderOf(of(half, half + 1n), 1), { code: 'INVARIANT' })
  t.throws(() => leaderOf(of(0n), 1), { code: 'INVARIANT' })
})
