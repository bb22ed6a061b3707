import { type Logger, MeshError, silentLogger } from '@gradmesh/core'
import t from 'tap'
import { Lifetime } from '../../src/lifecycle/lifetime.ts'

const living = () => {
  const warned: string[] = []
  const stops: number[] = []
  const failures: MeshError[] = []
  const log: Logger = { ...silentLogger, warn: (_, message) => void warned.push(message) }
  return {
    lifetime: new Lifetime({
      log,
      onStopping: () => stops.push(1),
      onFailure: error => failures.push(error)
    }),
    warned,
    stops,
    failures
  }
}

t.test('what was opened is closed backwards, after the step that is under way', async t => {
  const { lifetime, warned, stops } = living()
  const order: string[] = []
  const step = Promise.withResolvers<void>()
  void lifetime.during(step.promise).then(() => order.push('step'))
  lifetime.closers.push(async () => void order.push('first'))
  lifetime.closers.push(async () => {
    throw new MeshError('TEST', 'stuck')
  })
  lifetime.closers.push(async () => void order.push('last'))
  lifetime.assertGoing()
  const stopped = lifetime.stop()
  t.throws(() => lifetime.assertGoing(), { code: 'PEER_STOPPED' })
  t.equal(stops.length, 1, 'who waits in that step is told at once')
  step.resolve()
  await stopped
  t.strictSame(order, ['step', 'last', 'first'])
  t.strictSame(warned, ['a part did not close cleanly'], 'the others close all the same')
  t.equal(lifetime.stop(), lifetime.stop(), 'once')
  await t.rejects(lifetime.finished, { code: 'PEER_STOPPED' })
})

t.test('a failure is told with a code, and closes nothing by itself', async t => {
  const { lifetime, failures } = living()
  let closed = false
  lifetime.closers.push(async () => {
    closed = true
  })
  lifetime.fail(new RangeError('out of bounds'))
  t.match(failures, [{ code: 'PEER_FAILED', message: 'out of bounds' }])
  await t.rejects(lifetime.finished, { code: 'PEER_FAILED' })
  t.notOk(closed)
  t.notOk(lifetime.isStopping())
  await lifetime.stop()
  t.ok(closed)
  lifetime.fail(new RangeError('too late'))
  t.equal(failures.length, 1, 'whoever stops it need not hear what that breaks')
})

t.test('the outcome is told once, and stopping afterwards changes nothing', async t => {
  const { lifetime } = living()
  const outcome = { round: 3, height: 7, root: '00', score: 0.5 }
  lifetime.finish(outcome)
  await lifetime.stop()
  t.strictSame(await lifetime.finished, outcome)
})
