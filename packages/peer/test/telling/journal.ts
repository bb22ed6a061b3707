import type { MeshEvent } from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'
import t from 'tap'
import { Journal } from '../../src/telling/journal.ts'

t.test('finality times: the middle, the tail and the last', async t => {
  const journal = new Journal()
  t.strictSame(journal.finalitySummary(), { p50: null, p99: null, last: null })
  for (let height = 1; height <= 100; height++) journal.finality(height, 101 - height)
  t.strictSame(journal.finalitySummary(), { p50: 51, p99: 100, last: 1 })
  t.equal(journal.finalityOf(1), 100)
  t.equal(journal.finalityOf(101), null)
})

t.test('what it remembers is bounded', async t => {
  const journal = new Journal()
  for (let height = 1; height <= 5000; height++) journal.finality(height, height)
  t.equal(journal.finalityOf(1), null)
  t.equal(journal.finalityOf(5000), 5000)
  t.equal(journal.finalitySummary().p50, 5000 - 512 + 1)
  const refused = { trainer: 'a', round: 1, height: 2, steps: 3, payloadBytes: 4, code: 'DELTA_NOT_NAMED' }
  for (let i = 0; i < 1025; i++) journal.refuse({ ...refused, digest: `${i}` })
  t.equal(journal.refused('0'), undefined)
  t.match(journal.refused('1024'), refused)
})

t.test('listeners hear each change of phase once, until they leave', async t => {
  const journal = new Journal()
  const heard: MeshEvent[] = []
  const leave = journal.subscribe(event => heard.push(event))
  journal.enter('syncing', 'block 1 of 9')
  journal.enter('syncing', 'block 2 of 9')
  journal.enter('training')
  leave()
  journal.enter('finished')
  t.strictSame(heard, [
    { type: 'phase', phase: 'syncing', before: 'starting', reason: 'block 1 of 9' },
    { type: 'phase', phase: 'training', before: 'syncing', reason: null }
  ])
  t.equal(journal.phase, 'finished')
  t.equal(journal.phaseReason, null)
})

t.test('the last error stays until it is over', async t => {
  const journal = new Journal()
  t.equal(journal.lastError, null)
  journal.failed(new MeshError('TEST', 'no remedy'), 7)
  t.strictSame(journal.lastError, { code: 'TEST', message: 'no remedy', remedy: null, at: 7 })
  journal.failed(new MeshError('TEST', 'again', { remedy: 'wait' }), 8)
  t.match(journal.lastError, { remedy: 'wait', at: 8 })
})
