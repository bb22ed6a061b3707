import type { Clock } from '@gradmesh/core'
import { isFault } from '@gradmesh/core'
import { debit, decodeDelta, makeLayout, pack, paddedLength } from '@gradmesh/delta'
import t from 'tap'
import { mlpReference, mlpTensors, type RoundInput, type Trainer, trainRound } from '../src/index.ts'
import { dataOf, rowsOf, SMALL, SMALL_PARAMETERS } from './fixtures/small.ts'

const layout = makeLayout(
  mlpTensors(SMALL).map(({ name, shape }) => ({ name, length: shape.reduce((a, b) => a * b, 1) })),
  { chunk: 64, keep: 8 }
)
const data = dataOf(SMALL, 40, 10, 'round')
const still = { nowMs: () => 0 }

const inputOf = (change: Partial<RoundInput> = {}): RoundInput => ({
  trainer: mlpReference(SMALL, data),
  layout,
  weights: pack(
    layout,
    Int32Array.from({ length: SMALL_PARAMETERS }, (_, i) => ((i * 7919) % 257) * 30_000 - 3_840_000)
  ),
  error: new Int32Array(paddedLength(layout)),
  rows: rowsOf(6 * 8, 40, 'round'),
  innerSteps: 6,
  batch: 8,
  rate: 0.01,
  deadlineMs: Number.POSITIVE_INFINITY,
  clock: still,
  ...change
})

/** A trainer whose steps take `stepMs` of a clock that nothing else moves. */
const slow = (stepMs: number): { trainer: Trainer; clock: Pick<Clock, 'nowMs'>; seen: Uint32Array[] } => {
  const inner = mlpReference(SMALL, data)
  const seen: Uint32Array[] = []
  let nowMs = 1000
  return {
    clock: { nowMs: () => nowMs },
    seen,
    trainer: {
      ...inner,
      async step(rows, rate) {
        nowMs += stepMs
        seen.push(rows.slice())
        await inner.step(rows, rate)
      }
    }
  }
}

t.test('a round without a box does every step and tells what it sent', async t => {
  const input = inputOf()
  const { weights, error } = { weights: input.weights.slice(), error: input.error.slice() }
  const result = await trainRound(input)
  t.equal(result.steps, 6)
  t.equal(result.samples, 48)
  t.ok(result.loss > 0)
  t.same(decodeDelta(layout, result.payload), result.delta)
  t.notOk(isFault(result.delta))
  t.same(input.weights, weights, 'the weights are as before')
  t.same(input.error, error, 'the error buffer is as before')

  const trainer = mlpReference(SMALL, data)
  const flat = Float32Array.from(
    { length: SMALL_PARAMETERS },
    (_, i) => (((i * 7919) % 257) * 30_000 - 3_840_000) / 2 ** 24
  )
  trainer.load(flat)
  for (let step = 0; step < 6; step++) await trainer.step(input.rows.subarray(8 * step, 8 * step + 8), 0.01)
  const { difference } = await trainer.finish()
  const wanted = pack(
    layout,
    Int32Array.from(difference, value => Math.sign(value) * Math.round(Math.abs(value) * 2 ** 32))
  )
  t.same(result.accumulated, wanted, 'from no error, what is gathered is what was trained')
  const left = debit(result.accumulated, result.delta, layout)
  t.not(Math.hypot(...left), 0, 'eight of each chunk do not say it all')
  t.ok(Math.hypot(...left) < Math.hypot(...result.accumulated), 'what was sent came off')
})

t.test('what was not sent before is part of what is gathered now, decayed', async t => {
  const error = new Int32Array(paddedLength(layout)).fill(2560)
  const { accumulated } = await trainRound(inputOf())
  const later = await trainRound(inputOf({ error }))
  t.ok(later.accumulated.every((value, i) => value === accumulated[i]! + 2430))
  const halved = await trainRound(inputOf({ error, decayQ8: 128 }))
  t.ok(halved.accumulated.every((value, i) => value === accumulated[i]! + 1280))
})

for (const [stepMs, budgetMs, steps] of [
  [10, 1e9, 6],
  [10, 60, 6],
  [10, 59, 5],
  [10, 35, 3],
  [10, 0, 1],
  [10, -500, 1],
  [1e6, 10, 1]
] as [number, number, number][]) {
  t.test(`steps of ${stepMs} ms in ${budgetMs} ms: ${steps}`, async t => {
    const { trainer, clock, seen } = slow(stepMs)
    const input = inputOf({ trainer, clock, deadlineMs: 1000 + budgetMs })
    const result = await trainRound(input)
    t.equal(result.steps, steps)
    t.equal(result.samples, 8 * steps)
    t.same(
      seen,
      Array.from({ length: steps }, (_, step) => input.rows.slice(8 * step, 8 * step + 8)),
      'the first rows, in order'
    )
  })
}

t.test('rows that do not make whole steps are refused', async t => {
  for (const change of [
    { rows: rowsOf(47, 40, 'r') },
    { innerSteps: 0 },
    { batch: 0, rows: new Uint32Array() }
  ])
    await t.rejects(trainRound(inputOf(change)), { code: 'TRAIN_ROWS' })
  const wild = rowsOf(48, 40, 'round')
  wild[20] = 40
  await t.rejects(trainRound(inputOf({ rows: wild })), { code: 'TRAIN_ROWS' })
})

t.test('weights of another model are refused', async t => {
  await t.rejects(trainRound(inputOf({ weights: new Int32Array(64) })), { code: 'DELTA_LAYOUT' })
  const other = makeLayout([{ name: 'w', length: 100 }], { chunk: 64, keep: 8 })
  await t.rejects(trainRound(inputOf({ layout: other, weights: new Int32Array(128) })), {
    code: 'TRAIN_WEIGHTS'
  })
})

t.test('a result that is no number is an error with a remedy, and nothing is lost', async t => {
  const inner = mlpReference(SMALL, data)
  const result = (entry: number, loss: number): Trainer => ({
    ...inner,
    async finish() {
      const difference = new Float32Array(SMALL_PARAMETERS)
      difference[3] = entry
      return { difference, loss }
    }
  })
  const wrong = { code: 'TRAIN_NOT_FINITE', remedy: /doctor/ }
  for (const [entry, loss] of [
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [0, Number.NaN]
  ] as const) {
    const input = inputOf({ trainer: result(entry, loss) })
    await t.rejects(trainRound(input), wrong)
    t.ok(input.error.every(value => value === 0))
  }
})
