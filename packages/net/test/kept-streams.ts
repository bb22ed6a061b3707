import type { Connection, Stream } from '@libp2p/interface'
import t from 'tap'
import { KeptStreams } from '../src/libp2p/kept-streams.ts'
import { until } from './fixtures/local.ts'

const open = { status: 'open', writeStatus: 'writable', remoteWriteStatus: 'writable' }
const streamOf = (state: object = {}): Stream => ({ ...open, ...state }) as Stream
const connection = {} as Connection

t.test('the newest of the protocol is taken first, each once, and only from its connection', t => {
  const kept = new KeptStreams(() => t.fail('none is closed'))
  const [a, b, other] = [streamOf(), streamOf(), streamOf()]
  kept.put(connection, '/get', a)
  kept.put(connection, '/get', b)
  kept.put(connection, '/sync', other)
  t.equal(kept.take({} as Connection, '/get'), undefined)
  t.equal(kept.take(connection, '/get'), b)
  t.equal(kept.take(connection, '/get'), a)
  t.equal(kept.take(connection, '/get'), undefined)
  t.equal(kept.take(connection, '/sync'), other)
  t.end()
})

t.test(
  'what the other side has closed is not used; what nobody asks for is closed soon, and at the end',
  async t => {
    const closed: Stream[] = []
    const kept = new KeptStreams(stream => closed.push(stream))
    const ends = [{ remoteWriteStatus: 'closed' }, { writeStatus: 'closing' }, { status: 'reset' }].map(
      streamOf
    )
    for (const stream of ends) kept.put(connection, '/get', stream)
    t.equal(kept.take(connection, '/get'), undefined)
    t.strictSame(new Set(closed), new Set(ends))
    const idle = streamOf()
    kept.put(connection, '/get', idle)
    await until(() => closed.includes(idle))
    t.equal(kept.take(connection, '/get'), undefined)
    const last = streamOf()
    kept.put(connection, '/get', last)
    kept.stop()
    t.equal(closed.at(-1), last)
    t.equal(closed.length, 5)
  }
)
