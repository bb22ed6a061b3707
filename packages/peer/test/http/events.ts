import { connect } from 'node:net'
import { check, createClient, type IdentifiedEvent, routes } from '@gradmesh/api'
import t from 'tap'
import { roundEvent, status } from './fixtures/fake-view.ts'
import { serve } from './fixtures/serve.ts'

/** The next events, status snapshots left out. */
const take = async (stream: AsyncGenerator<IdentifiedEvent>, count: number): Promise<IdentifiedEvent[]> => {
  const taken: IdentifiedEvent[] = []
  while (taken.length < count) {
    const { value, done } = await stream.next()
    if (done === true) break
    if (value.event.type !== 'status') taken.push(value)
  }
  return taken
}

const roundsOf = (events: readonly IdentifiedEvent[]): unknown[] =>
  events.map(({ event }) => (event.type === 'round' ? event.round : event.type))

t.test('a new client sees the status at once, then what happens', async t => {
  const { url, view } = await serve(t, { limits: { statusMs: 20 } })
  view.emit(roundEvent(0))
  const stream = createClient(url).events()
  t.match(await stream.next(), { value: { event: { type: 'status', status } } })
  view.emit(roundEvent(1))
  t.strictSame(roundsOf(await take(stream, 1)), [1], 'nothing of the past without being asked')
  t.match(await stream.next(), { value: { event: { type: 'status' } } }, 'and the status again and again')
  await stream.return(undefined)
})

t.test('replay begins with everything that is kept; a cut client resumes after the last it saw', async t => {
  const { url, view } = await serve(t)
  const client = createClient(url)
  for (let round = 0; round < 5; round++) view.emit(roundEvent(round))
  view.emit({ type: 'phase', phase: 'training', before: 'syncing', reason: null })

  const first = client.events({ replay: 'all' })
  const seen = await take(first, 6)
  t.strictSame(roundsOf(seen), [0, 1, 2, 3, 4, 'phase'])
  for (const { event } of seen) t.strictSame(check(routes.events.reply, event, { closed: true }), [])
  t.equal(new Set(seen.map(({ id }) => id)).size, 6, 'every event has its own id')
  await first.return(undefined)

  view.emit(roundEvent(5))
  const resumed = client.events({ lastEventId: seen[2]!.id })
  t.strictSame(roundsOf(await take(resumed, 4)), [3, 4, 'phase', 5])
  view.emit(roundEvent(6))
  t.strictSame(roundsOf(await take(resumed, 1)), [6], 'and goes on live, nothing twice')
  await resumed.return(undefined)
})

t.test('what can no longer be resumed is said', async t => {
  const { url, view } = await serve(t, { limits: { eventsKeptMax: 3 } })
  const client = createClient(url)
  view.emit({ type: 'phase', phase: 'training', before: 'syncing', reason: null })
  for (let round = 0; round < 2; round++) view.emit(roundEvent(round))
  const first = client.events({ replay: 'all' })
  const seen = await take(first, 3)
  await first.return(undefined)
  for (let round = 2; round < 7; round++) view.emit(roundEvent(round))

  const late = client.events({ lastEventId: seen[2]!.id })
  t.strictSame(roundsOf(await take(late, 4)), ['gap', 4, 5, 6])
  await late.return(undefined)
  for (const lastEventId of ['00000000-2', 'x', `${seen[0]!.id}9999`]) {
    const foreign = client.events({ lastEventId })
    t.strictSame(roundsOf(await take(foreign, 5)), ['gap', 'phase', 4, 5, 6], lastEventId)
    await foreign.return(undefined)
  }
})

t.test('heartbeats keep a quiet stream alive', async t => {
  const { url } = await serve(t, { limits: { heartbeatMs: 20, statusMs: 60_000 } })
  const response = await fetch(`${url}/v1/events`)
  t.match(response.headers.get('content-type'), /^text\/event-stream/)
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.match(response.headers.get('content-security-policy'), /default-src 'none'/)
  let text = ''
  for await (const bytes of response.body!) {
    text += new TextDecoder().decode(bytes)
    if (text.includes(': beat\n\n: beat\n\n')) break
  }
  t.match(text, /^retry: \d+\n\n/)
})

t.test('a reader that does not read is cut off, the others go on', async t => {
  const { url, port, view } = await serve(t, { limits: { eventBacklogBytesMax: 200_000 } })
  const lazy = connect(port, '127.0.0.1')
  lazy.pause()
  lazy.write('GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n')
  const isCut = new Promise<void>(resolve => lazy.once('close', () => resolve()))
  lazy.on('error', () => {})
  const metric = async (): Promise<string> => await (await fetch(`${url}/metrics`)).text()
  while (!(await metric()).includes('gradmesh_event_clients 1\n')) await new Promise(setImmediate)

  const stream = createClient(url).events()
  await stream.next()
  let last = 0
  while (!(await metric()).includes('gradmesh_event_clients 1\n')) {
    for (let i = 0; i < 400; i++) view.emit(roundEvent(++last))
    await take(stream, 400)
  }
  lazy.resume()
  await isCut
  view.emit(roundEvent(++last))
  t.strictSame(roundsOf(await take(stream, 1)), [last])
  await stream.return(undefined)
})

t.test('a status that cannot be read ends no stream', async t => {
  const { url, view } = await serve(t, { limits: { statusMs: 10 } })
  const stream = createClient(url).events()
  await stream.next()
  view.failure = new Error('not now')
  view.emit(roundEvent(1))
  t.strictSame(roundsOf(await take(stream, 1)), [1])
  view.failure = undefined
  t.match(await stream.next(), { value: { event: { type: 'status' } } })
  await stream.return(undefined)
})
