import type { MeshError } from '@gradmesh/core'
import { encodeGenesis } from '@gradmesh/wire'
import t from 'tap'
import { makeStateTable, type StateTable } from '../src/state/state-table.ts'
import { serveHere, startWorker, type WorkerThread } from '../src/worker-rpc.ts'
import { smallGenesis } from './fixtures/script.ts'

type Start = (onDeath?: (error: MeshError) => void) => WorkerThread<StateTable>

const WAYS: Readonly<Record<string, Start>> = {
  'in a thread': (onDeath = () => {}) => startWorker<StateTable>('state/state-worker', null, onDeath),
  'without one': () => serveHere(makeStateTable())
}

for (const [where, start] of Object.entries(WAYS)) {
  t.test(`${where}: values come back, and calls are answered in their order`, async t => {
    const { call, close } = start()
    t.teardown(close)
    const genesis = encodeGenesis(smallGenesis())
    const answers: string[] = []
    const opened = call.open({ genesis })
    const missing = call.weights({ id: 'nobody' })
    void opened.then(() => answers.push('open'))
    void missing.then(() => answers.push('weights'))
    t.match(await opened, { height: 0 })
    t.equal(await missing, null)
    t.strictSame(answers, ['open', 'weights'])
  })

  t.test(`${where}: an error keeps its code and its data`, async t => {
    const { call, close } = start()
    t.teardown(close)
    await t.rejects(call.execute({ block: new Uint8Array(3) }), {
      code: 'STATE_BLOCK',
      message: /does not decode/
    })
    await t.rejects(call.checkpoint({ id: 'x'.repeat(64) }), { code: 'STATE_UNKNOWN' })
    const unknown = (call as unknown as Record<string, (argument: unknown) => Promise<unknown>>)[
      'no-such-function'
    ]
    await t.rejects(unknown!(null), { code: 'WORKER_CALL' })
  })

  t.test(`${where}: after closing, calls are refused and nobody is told of a death`, async t => {
    const { call, close } = start(error => t.fail(error.message))
    const pending = call.weights({ id: 'x' })
    const refused = t.rejects(pending, { code: 'WORKER_CLOSED' })
    await close()
    await close()
    await refused
    await t.rejects(call.weights({ id: 'x' }), { code: 'WORKER_CLOSED' })
  })
}

t.test('a thread that ends by itself is told, with what to do, and so is everybody who waits', async t => {
  const died = new Promise<MeshError>(resolve => {
    const { call } = startWorker<StateTable>('no-such-worker', null, resolve)
    void t.rejects(call.weights({ id: 'x' }), { code: 'WORKER_DIED' })
  })
  t.match(await died, { code: 'WORKER_DIED', remedy: String, message: /no-such-worker thread ended/ })
})
