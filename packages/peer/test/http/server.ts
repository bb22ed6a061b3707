import { createServer } from 'node:net'
import { type Blocks, check, createClient, openApi, type Route, routes } from '@gradmesh/api'
import { MeshError, silentLogger } from '@gradmesh/core'
import t from 'tap'
import { createHttpServer, PrometheusMetrics } from '../../src/http/index.ts'
import { FakeView, hex, roundEvent, status } from './fixtures/fake-view.ts'
import { serve } from './fixtures/serve.ts'

t.test('every JSON route answers what its schema says, through the typed client', async t => {
  const { url } = await serve(t)
  const client = createClient(url)
  const replies: Record<string, unknown> = {
    status: await client.status(),
    peers: await client.peers(),
    blocks: await client.blocks(),
    block: await client.block({ height: 7 }),
    stakes: await client.stakes(),
    submit: await client.submit({ transaction: '01' }),
    ticket: await client.ticket(),
    delta: await client.delta({ digest: hex('9') }),
    models: await client.models(),
    embeddings: await client.embeddings({ input: 'a' }),
    health: await client.health()
  }
  for (const [name, route] of Object.entries<Route>(routes)) {
    if (route.kind !== 'json' || name === 'openApi') continue
    t.ok(name in replies, `${name} is asked`)
    t.strictSame(check(route.reply, replies[name], { closed: true }), [], `${name} fits`)
  }
  t.strictSame(replies.status, status)
  t.match(replies.block, { height: 7, id: (7).toString(16).padStart(64, '0') })
  t.match(replies.delta, { outcome: 'accepted', weightQ16: 16_384, reward: '250' })
})

t.test('peers by state', async t => {
  const { url } = await serve(t)
  const client = createClient(url)
  const keys = async (state: 'active' | 'graylisted'): Promise<string[]> =>
    (await client.peers({ state })).peers.map(peer => peer.key)
  t.strictSame(await keys('active'), [hex('2')])
  t.strictSame(await keys('graylisted'), [hex('3')])
})

t.test('blocks page by page, newest first, without a gap', async t => {
  const { url } = await serve(t)
  const client = createClient(url)
  const heights: number[] = []
  for (let from: number | null = 42; from !== null; ) {
    const page: Blocks = await client.blocks({ from, limit: 10 })
    heights.push(...page.blocks.map(block => block.height))
    from = page.next
  }
  t.strictSame(
    heights,
    Array.from({ length: 42 }, (_, i) => 42 - i)
  )
  t.equal((await client.blocks()).blocks.length, 20, 'the default page')
})

t.test('the OpenAPI document is served as it is made', async t => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/openapi.json`)
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.strictSame(await response.json(), JSON.parse(JSON.stringify(openApi(routes))))
})

t.test('metrics: the port, the status, the process, and what HTTP did', async t => {
  const { url, metrics } = await serve(t)
  metrics.count('gradmesh_votes_total', { kind: 'final' }, 3)
  await fetch(`${url}/v1/status`)
  await fetch(`${url}/nowhere`)
  const response = await fetch(`${url}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain/)
  const text = await response.text()
  t.match(text, /^gradmesh_votes_total\{kind="final"\} 3$/m)
  t.match(text, /^gradmesh_status_height 42$/m)
  t.match(text, /^gradmesh_status_finality_p99_seconds 0\.2105$/m)
  t.notMatch(text, /gradmesh_status_finality_last_seconds/, 'what is not known is left out')
  t.match(text, /^gradmesh_status_phase\{phase="training"\} 1$/m)
  t.match(text, /^gradmesh_http_requests_total\{route="\/v1\/status",status="200"\} 1$/m)
  t.match(
    text,
    /^gradmesh_http_requests_total\{route="none",status="404"\} 1$/m,
    'paths do not become labels'
  )
  t.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
  t.match(text, /^process_resident_memory_bytes /m)
})

t.test('the page and its files', async t => {
  const files = new Map([
    ['/', { body: '<!doctype html><title>page</title>', type: 'text/html; charset=utf-8' }],
    ['/app.js', { body: new TextEncoder().encode('export {}'), type: 'text/javascript; charset=utf-8' }]
  ])
  const { url } = await serve(t, { files })
  const page = await fetch(url)
  t.equal(page.status, 200)
  t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  t.match(await page.text(), /<title>page/)
  const script = await fetch(`${url}/app.js`)
  t.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8')
  t.equal(await script.text(), 'export {}')
  t.equal((await fetch(`${url}/../server.ts`)).status, 404)
})

t.test('POST brings one JSON object, checked by the contract', async t => {
  const { url } = await serve(t)
  const post = async (body: unknown, type = 'application/json') => {
    const response = await fetch(`${url}/v1/transactions`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body)
    })
    return { status: response.status, ...((await response.json()) as object) }
  }
  t.match(await post({ transaction: '01' }), { status: 200, id: hex('6'), height: 42 })
  t.match(await post({ transaction: '00' }), {
    status: 422,
    code: 'TRANSACTION_REFUSED',
    detail: 'LEDGER_TX_NONCE: 0, 3 is next'
  })
  for (const wrong of [{}, { transaction: 'xy' }, { transaction: '' }, [], { transaction: '01', more: 1 }])
    t.match(await post(wrong), { status: 400, code: 'HTTP_PARAMETER' }, JSON.stringify(wrong))
  t.match(await post('{'), { status: 400, code: 'HTTP_BODY_MALFORMED' })
  t.match(await post('[]'), { detail: 'body must be an object', errors: [{ name: 'body' }] })
  // What curl announces by itself is the third.
  for (const type of ['text/plain', 'image/png', 'application/x-www-form-urlencoded'])
    t.match(
      await post('{"transaction":"01"}', type),
      { status: 400, code: 'HTTP_BODY_MALFORMED', remedy: 'content-type: application/json' },
      type
    )

  const read = await fetch(`${url}/v1/transactions`)
  t.equal(read.status, 405)
  t.equal(read.headers.get('allow'), 'POST')
  const written = await fetch(`${url}/v1/status`, { method: 'POST' })
  t.equal(written.status, 405)
  t.equal(written.headers.get('allow'), 'GET, HEAD')
})

t.test('HEAD answers without a body, not on the event stream', async t => {
  const { url } = await serve(t)
  const head = await fetch(`${url}/v1/status`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
  t.not((await fetch(`${url}/v1/events`, { method: 'HEAD' })).status, 200)
})

t.test('a port in use is named, with what to do; nothing stays behind', async t => {
  const holder = createServer()
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve))
  t.teardown(() => holder.close())
  const { port } = holder.address() as { port: number }
  const view = new FakeView()
  const opened = createHttpServer({ port, view, metrics: new PrometheusMetrics(), logger: silentLogger })
  const error = await opened.then(
    () => undefined,
    (cause: unknown) => cause
  )
  t.type(error, MeshError)
  t.match(error, { code: 'HTTP_PORT_IN_USE', data: { port } })
  t.match((error as MeshError).message, String(port))
  t.match((error as MeshError).remedy, /another HTTP port/)
  t.equal(view.listeners.size, 0)
})

t.test('an address of another machine, or of none, is named', async t => {
  const view = new FakeView()
  for (const host of ['192.0.2.1', 'nobody.invalid'])
    await t.rejects(
      createHttpServer({
        host,
        access: { token: 'x'.repeat(32), openReads: false },
        port: 0,
        view,
        metrics: new PrometheusMetrics(),
        logger: silentLogger
      }),
      { code: 'HTTP_ADDRESS_UNKNOWN', message: host }
    )
})

t.test('close is quick with open streams and with answers on their way, and leaves no listener', async t => {
  const view = new FakeView()
  view.gate = new Promise(() => {})
  const server = await createHttpServer({
    port: 0,
    view,
    metrics: new PrometheusMetrics(),
    logger: silentLogger
  })
  const client = createClient(server.url)
  const streams = [client.events({ replay: 'all' }), client.events(), client.events()]
  for (const stream of streams) await stream.next()
  const stuck = client.stakes().catch((error: unknown) => error)
  await client.status()
  const before = performance.now()
  await server.close()
  t.ok(performance.now() - before < 500, `closed in ${performance.now() - before} ms`)
  for (const stream of streams) t.match(await stream.next(), { done: true })
  t.match(await stuck, { code: 'API_UNREACHABLE' })
  t.equal(view.listeners.size, 0)
  t.doesNotThrow(() => view.emit(roundEvent(1)))
  await t.rejects(fetch(server.url))
})
