import { compress, encodeDelta } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import t from 'tap'
import { ErrorBuffer } from '../../src/training/error-buffer.ts'
import { smallGenesis } from '../fixtures/script.ts'

const layout = layoutOf(smallGenesis())
const pseudo = new Int32Array(layout.chunks * layout.chunk).map((_, i) => (i % 64 < 30 ? 1000 * i : 0))
const { delta, accumulated } = compress(layout, pseudo, new Int32Array(pseudo.length))
const payload = encodeDelta(layout, delta)

t.test('what was accepted is paid off, before a restart or after it', async t => {
  const gathered = new ErrorBuffer(layout, null)
  gathered.gathered(accumulated, delta)
  gathered.settle(true)
  t.notSame(gathered.error, accumulated)
  t.strictSame(new ErrorBuffer(layout, { accumulated, payload, accepted: true }).error, gathered.error)
  const open = new ErrorBuffer(layout, { accumulated, payload, accepted: null })
  t.strictSame(open.error, new Int32Array(pseudo.length), 'the open round waits')
  open.settle(true)
  t.strictSame(open.error, gathered.error)
})

t.test('what was refused stays owed, also when its delta has been pruned since', async t => {
  for (const kept of [payload, new Uint8Array()])
    t.strictSame(new ErrorBuffer(layout, { accumulated, payload: kept, accepted: false }).error, accumulated)
  t.throws(() => new ErrorBuffer(layout, { accumulated, payload: new Uint8Array(), accepted: null }), {
    code: 'ERROR_BUFFER'
  })
})
