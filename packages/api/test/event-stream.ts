import fc from 'fast-check'
import t from 'tap'
import { readEventStream, type ServerSentEvent } from '../src/index.ts'

const read = async (...pieces: readonly (string | Uint8Array)[]): Promise<ServerSentEvent[]> => {
  const encoder = new TextEncoder()
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield typeof piece === 'string' ? encoder.encode(piece) : piece
  }
  const events: ServerSentEvent[] = []
  for await (const event of readEventStream(bytes())) events.push(event)
  return events
}

const STREAM =
  ': comment\nretry: 5\n\nid: 1\nevent: a\ndata: x\ndata:  y\n\ndata: ü\r\n\r\nid\ndata\n\nevent: lost\ndata: z\n'
const EVENTS = [
  { id: '1', event: 'a', data: 'x\n y' },
  { id: '1', event: 'message', data: 'ü' },
  { id: '', event: 'message', data: '' }
]

t.test('as the standard says', async t => {
  t.strictSame(await read(STREAM), EVENTS)
  t.strictSame(await read('data: a\rdata: b\r\rx'), [{ id: '', event: 'message', data: 'a\nb' }])
})

t.test('however the bytes are cut', async t => {
  const whole = new TextEncoder().encode(STREAM)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length)), async cuts => {
      const ends = [0, ...cuts.sort((a, b) => a - b), whole.length]
      const pieces = ends.slice(1).map((end, i) => whole.subarray(ends[i], end))
      t.strictSame(await read(...pieces), EVENTS)
    }),
    { numRuns: 50 }
  )
})

t.test('an endless line is refused', async t => {
  await t.rejects(read('data: ', ...Array(20).fill('x'.repeat(1 << 17))), { code: 'API_REPLY' })
})
