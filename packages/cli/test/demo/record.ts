import type { StreamEvent } from '@gradmesh/api'
import t from 'tap'
import { percentile, RunRecord } from '../../src/demo/record.ts'

const round = (number: number, stateRoot = 'a', samples = 100): StreamEvent => ({
  type: 'round',
  round: number,
  height: number + 1,
  loss: 1 / (number + 1),
  score: null,
  deltas: 2,
  samples,
  stateRoot,
  at: 0
})

const phase = (to: 'training' | 'finished'): StreamEvent => ({
  type: 'phase',
  phase: to,
  before: 'starting',
  reason: null
})

t.test('training runs from the first peer that trains to the close of the last round', async t => {
  const record = new RunRecord(2, 0)
  t.equal(record.samplesPerSecond, 0)
  record.heard(0, phase('training'), 1000)
  record.heard(1, phase('training'), 1500)
  record.heard(0, round(0), 2000)
  record.heard(1, round(0), 2100)
  record.heard(0, round(1), 3000)
  t.equal(record.trainingSeconds, 2)
  t.equal(record.samplesPerSecond, 100, 'a round counts once, whoever tells it')
  t.equal(record.roundsClosed, 2)
  t.equal(record.loss, 0.5)
})

t.test('two roots at one height are a disagreement', async t => {
  const record = new RunRecord(2, 0)
  record.heard(0, round(0), 0)
  record.heard(1, round(0), 0)
  t.strictSame(record.disagreements, [])
  record.heard(0, round(1, 'b'), 0)
  record.heard(1, round(1, 'c'), 0)
  t.strictSame(record.disagreements, [2])
})

t.test('the run is over when every peer says so', async t => {
  const record = new RunRecord(2, 0)
  record.heard(0, phase('finished'), 0)
  t.notOk(record.allFinished)
  record.heard(1, phase('finished'), 0)
  t.ok(record.allFinished)
})

t.test('deltas and finality', async t => {
  const record = new RunRecord(1, 0)
  const delta = (digest: string, bytes: number | null): StreamEvent => ({
    type: 'delta',
    digest,
    trainer: 'x',
    own: false,
    round: 0,
    outcome: 'pending',
    bytes,
    code: null
  })
  for (const event of [delta('a', 100), delta('a', 100), delta('b', 200), delta('b', null)])
    record.heard(0, event, 0)
  t.equal(record.deltaBytes, 150)
  const final = {
    type: 'final',
    height: 1,
    slot: 1,
    id: 'x',
    round: 0,
    empty: false,
    deltas: 2,
    finalityMs: 40
  } as const
  record.heard(0, final, 500)
  record.heard(0, { ...final, finalityMs: null }, 700)
  t.strictSame(record.finalityMs, [40])
  t.equal(record.silentMs(1000), 300)
})

t.test('percentiles', async t => {
  t.equal(percentile([], 0.5), null)
  t.equal(percentile([3, 1, 2], 0.5), 2)
  t.equal(percentile([3, 1, 2], 0.99), 3)
})
