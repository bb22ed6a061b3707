import t from 'tap'
import { assert, fault, isFault, MeshError } from '../src/index.ts'

t.test('a fault is a value with a code', async t => {
  t.strictSame(fault('WIRE_LENGTH'), { fault: 'WIRE_LENGTH' })
  t.strictSame(fault('WIRE_LENGTH', 'too short'), { fault: 'WIRE_LENGTH', detail: 'too short' })
  t.ok(isFault(fault('X')))
  for (const other of [null, undefined, 1, 'fault', {}, { fault: 3 }]) t.notOk(isFault(other))
})

t.test('a MeshError carries what happened, why, and what to do', async t => {
  const cause = new RangeError('inner')
  const error = new MeshError('STORE_LOCKED', 'locked', {
    cause,
    remedy: 'Stop the other one.',
    data: { pid: 7 }
  })
  t.match(error, {
    name: 'MeshError',
    code: 'STORE_LOCKED',
    message: 'locked',
    remedy: 'Stop the other one.',
    data: { pid: 7 },
    cause
  })
  t.match(new MeshError('X', 'y'), { remedy: undefined, data: {} })
})

t.test('assert stops at a broken invariant', async t => {
  t.doesNotThrow(() => assert(true, 'fine'))
  t.throws(() => assert(false, 'sum of stakes'), {
    code: 'INVARIANT',
    message: 'broken invariant: sum of stakes'
  })
})
