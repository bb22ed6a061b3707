import t from 'tap'
import { EarlyDeltas, type Standing } from '../../src/round/early-deltas.ts'

const early = (trainer: string, round: number, standing: Partial<Standing> = {}) => ({
  trainer,
  round,
  bytes: new TextEncoder().encode(`${trainer} ${round}`),
  standing: { stake: 0n, accepted: 0, ...standing }
})

const offer = (to: EarlyDeltas, ...list: ReturnType<typeof early>[]): boolean[] =>
  list.map(each => {
    const isKept = to.hasPlaceFor(each)
    if (isKept) to.keep(each)
    return isKept
  })

const named = (list: readonly Uint8Array[]): string[] => list.map(bytes => new TextDecoder().decode(bytes))

t.test('one place a trainer: its lowest round', async t => {
  const deltas = new EarlyDeltas()
  t.strictSame(offer(deltas, early('a', 6), early('a', 7), early('a', 5), early('a', 5)), [
    true,
    false,
    true,
    false
  ])
  t.equal(deltas.size, 1)
  offer(deltas, early('b', 6), early('c', 4))
  t.strictSame(named(deltas.take(5)), ['a 5'], 'those of rounds before are forgotten')
  t.strictSame(named(deltas.take(6)), ['b 6'])
  t.equal(deltas.size, 0)
})

t.test('however many strangers were first, stake and work find a place', async t => {
  const deltas = new EarlyDeltas()
  const strangers = Array.from({ length: 300 }, (_, i) => early(`stranger ${i}`, 5))
  t.equal(offer(deltas, ...strangers).filter(Boolean).length, EarlyDeltas.max)
  const worker = early('worker', 5, { accepted: 9 })
  const validators = Array.from({ length: 128 }, (_, i) =>
    early(`validator ${i}`, 5, { stake: 1n + BigInt(i) })
  )
  t.ok(offer(deltas, worker, ...validators).every(Boolean))
  t.equal(deltas.size, EarlyDeltas.max)
  const workers = Array.from({ length: 300 }, (_, i) => early(`worker ${i}`, 5, { accepted: 10 }))
  t.equal(offer(deltas, ...workers).filter(Boolean).length, EarlyDeltas.max - 128)
  const kept = new Set(named(deltas.take(5)))
  t.ok(
    validators.every(({ trainer }) => kept.has(`${trainer} 5`)),
    'no amount of work puts a validator out'
  )
  t.notOk(kept.has('worker 5'))
})
