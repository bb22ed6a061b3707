import { once } from 'node:events'
import { connect } from 'node:net'
import {
  check,
  createClient,
  openAiError,
  PROBLEM_MEDIA,
  type ProblemCode,
  problem,
  problemKinds
} from '@gradmesh/api'
import { MeshError, silentLogger } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { hex } from './fixtures/fake-view.ts'
import { type RawReply, sendRaw, serve } from './fixtures/serve.ts'

const seen = new Set<ProblemCode>()

/** Every error, however it came about, is one well-formed document of the right kind. */
const isProblem = (t: Test, code: ProblemCode, reply: RawReply): void => {
  seen.add(code)
  t.test(code, async t => {
    const { status, headers, body } = reply
    t.equal(headers.get('content-type'), PROBLEM_MEDIA)
    t.equal(headers.get('x-content-type-options'), 'nosniff')
    t.equal(headers.get('access-control-allow-origin'), undefined)
    t.notMatch(body, /node_modules|\.ts:|\\n +at /, 'no stack')
    const told: unknown = JSON.parse(body)
    t.strictSame(check(problem, told, { closed: true }), [])
    t.match(told, { code, status: problemKinds[code].status, title: problemKinds[code].title })
    t.equal(status, problemKinds[code].status)
  })
}

const ask = async (url: string, init?: RequestInit): Promise<RawReply> => {
  const response = await fetch(url, init)
  return { status: response.status, headers: new Map(response.headers), body: await response.text() }
}

const get = (path: string, ...lines: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'host: localhost', ...lines, 'connection: close', '', ''].join('\r\n')

t.test('what a client can do wrong', async t => {
  const { url, port, view } = await serve(t)
  const json = { 'content-type': 'application/json' }

  isProblem(t, 'HTTP_ROUTE_UNKNOWN', await ask(`${url}/v1/nothing`))
  isProblem(t, 'HTTP_ROUTE_UNKNOWN', await ask(`${url}/v1/status/`))
  isProblem(t, 'HTTP_ROUTE_UNKNOWN', await ask(`${url}/v1/nothing`, { method: 'DELETE' }))
  isProblem(t, 'BLOCK_UNKNOWN', await ask(`${url}/v1/blocks/43`))
  isProblem(t, 'DELTA_UNKNOWN', await ask(`${url}/v1/deltas/${hex('0')}`))

  for (const path of [
    '/v1/blocks/-1',
    '/v1/blocks/1e3',
    '/v1/blocks/007',
    '/v1/blocks/99999999999999999999',
    '/v1/blocks?limit=0',
    '/v1/blocks?limit=101',
    '/v1/blocks?limit=5&limit=6',
    '/v1/blocks?form=7',
    '/v1/blocks?__proto__=1',
    '/v1/peers?state=banned',
    '/v1/deltas/ABC',
    `/v1/deltas/${hex('A')}`,
    '/v1/status?verbose=1',
    '/v1/events?replay=some',
    '/metrics?all'
  ])
    isProblem(t, 'HTTP_PARAMETER', await ask(url + path))
  const wrong = await ask(`${url}/v1/blocks?limit=101&form=7`)
  t.match(JSON.parse(wrong.body), {
    errors: [
      { name: 'limit', detail: 'must be at most 100' },
      { name: 'form', detail: 'is not known' }
    ]
  })

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const reply = await ask(`${url}/v1/blocks/3`, { method })
    isProblem(t, 'HTTP_METHOD', reply)
    t.equal(reply.headers.get('allow'), 'GET, HEAD')
  }

  isProblem(
    t,
    'HTTP_BODY_MALFORMED',
    await ask(`${url}/v1/status`, { method: 'POST', headers: json, body: '{' })
  )
  isProblem(
    t,
    'HTTP_BODY_MALFORMED',
    await ask(`${url}/v1/status`, { method: 'POST', headers: json, body: '' })
  )
  const image = { method: 'POST', headers: { 'content-type': 'image/png' }, body: 'x' }
  const notRead = await ask(`${url}/v1/status`, image)
  isProblem(t, 'HTTP_METHOD', notRead)
  t.equal(notRead.headers.get('connection'), 'close', 'its body is not read')
  isProblem(t, 'HTTP_REQUEST_MALFORMED', await ask(`${url}/v1/%zz`))
  isProblem(t, 'HTTP_URL_TOO_LONG', await ask(`${url}/v1/deltas/${'a'.repeat(500)}`))
  isProblem(t, 'HTTP_REQUEST_MALFORMED', await sendRaw(port, 'HELO mesh\r\n\r\n'))
  isProblem(t, 'HTTP_HEADERS_TOO_LARGE', await sendRaw(port, get('/', `x-much: ${'x'.repeat(20_000)}`)))

  view.health = { healthy: false, reason: 'no final block for 60 s' }
  const unhealthy = await ask(`${url}/healthz`)
  isProblem(t, 'HTTP_UNHEALTHY', unhealthy)
  t.match(JSON.parse(unhealthy.body), { detail: 'no final block for 60 s' })
  t.equal((await ask(`${url}/v1/status`)).status, 200, 'the server still stands')
})

t.test('a huge body, declared or not, is refused unread', async t => {
  const { url, port } = await serve(t)
  const declared =
    'POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1099511627776\r\n\r\n{'
  isProblem(t, 'HTTP_BODY_TOO_LARGE', await sendRaw(port, declared))
  const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`
  const undeclared =
    'POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
  isProblem(t, 'HTTP_BODY_TOO_LARGE', await sendRaw(port, undeclared, chunk, chunk, chunk, chunk))
  isProblem(t, 'HTTP_BODY_TOO_LARGE', await sendRaw(port, get('/v1/status', 'content-length: 70000')))
  const chunkedGet = await sendRaw(port, get('/v1/status', 'transfer-encoding: chunked'))
  isProblem(t, 'HTTP_BODY_MALFORMED', chunkedGet)
  t.equal((await ask(`${url}/v1/status`)).status, 200)
})

t.test('a slow client is cut off', async t => {
  const { port } = await serve(t, { limits: { headersTimeoutMs: 150, requestTimeoutMs: 300 } })
  const headers = sendRaw(port, 'GET /v1/status HTTP/1.1\r\nhost: loc')
  const body = sendRaw(
    port,
    'POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'
  )
  const silence = sendRaw(port)
  isProblem(t, 'HTTP_REQUEST_SLOW', await silence)
  isProblem(t, 'HTTP_REQUEST_SLOW', await headers)
  isProblem(t, 'HTTP_REQUEST_SLOW', await body)
})

t.test('connections past the bound are dropped, and taken again when one ends', async t => {
  const { url, port } = await serve(t, { limits: { connectionsMax: 2 } })
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  const answered = Promise.all(held.map(socket => once(socket, 'data')))
  const closed = Promise.all(held.map(socket => once(socket, 'close')))
  for (const socket of held) socket.write('GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await answered
  await t.rejects(fetch(`${url}/v1/status`))
  for (const socket of held) socket.end()
  await closed
  t.equal((await ask(`${url}/v1/status`)).status, 200)
})

t.test('too much at once', async t => {
  const { url, view } = await serve(t, { limits: { requestsMax: 2, eventClientsMax: 1 } })
  const abort = new AbortController()
  const stream = createClient(url).events({ signal: abort.signal })
  await stream.next()
  const full = await ask(`${url}/v1/events`)
  isProblem(t, 'HTTP_EVENTS_FULL', full)
  t.equal(full.headers.get('retry-after'), '5')
  abort.abort()
  t.match(await stream.next(), { done: true })

  let open = (): void => {}
  view.gate = new Promise(resolve => {
    open = resolve
  })
  const held = [ask(`${url}/v1/stakes`), ask(`${url}/v1/stakes`)]
  let busy = await ask(`${url}/v1/status`)
  for (let i = 0; busy.status === 200 && i < 100; i++) busy = await ask(`${url}/v1/status`)
  isProblem(t, 'HTTP_BUSY', busy)
  open()
  for (const reply of await Promise.all(held)) t.equal(reply.status, 200)
})

t.test('a failure inside is logged whole and told without its inside', async t => {
  const logged: unknown[] = []
  const logger = { ...silentLogger, error: (fields: object) => logged.push(fields) }
  const { url, view } = await serve(t, { logger })
  view.failure = new MeshError('STORE_CLOSED', 'secret place /home/someone')
  const reply = await ask(`${url}/v1/status`)
  isProblem(t, 'HTTP_INTERNAL', reply)
  t.notMatch(reply.body, /secret|STORE_CLOSED/)
  t.match(logged, [{ error: view.failure, url: '/v1/status' }])
})

t.test('the client throws the code that the peer told', async t => {
  const { url } = await serve(t)
  await t.rejects(createClient(url).block({ height: 43 }), {
    code: 'BLOCK_UNKNOWN',
    remedy: problemKinds.BLOCK_UNKNOWN.remedy
  })
})

t.test('requests from elsewhere', async t => {
  const { port, url } = await serve(t)
  const withHost = (host: string): string => `GET /v1/status HTTP/1.1\r\n${host}connection: close\r\n\r\n`
  isProblem(t, 'HTTP_HOST', await sendRaw(port, withHost('host: evil.example\r\n')))
  isProblem(t, 'HTTP_HOST', await sendRaw(port, withHost('')))
  const crossSite = await sendRaw(
    port,
    get('/v1/events', 'sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors')
  )
  isProblem(t, 'HTTP_CROSS_SITE', crossSite)
  t.equal((await ask(`${url}/v1/status`, { headers: { origin: 'http://evil.example' } })).status, 200)
})

t.test('what is not there yet, or not for everybody', async t => {
  const early = await serve(t)
  Object.assign(early.view, { ticket: () => null })
  isProblem(t, 'TICKET_EARLY', await ask(`${early.url}/v1/ticket`))
  const { url } = await serve(t, { access: { token: 'x'.repeat(32), openReads: false } })
  isProblem(t, 'HTTP_TOKEN', await ask(`${url}/v1/status`))
})

t.test('transactions that are refused, or come too early', async t => {
  const { url, view } = await serve(t)
  const bring = (transaction: string) =>
    ask(`${url}/v1/transactions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ transaction })
    })
  isProblem(t, 'TRANSACTION_REFUSED', await bring('00'))
  Object.assign(view, { submit: () => null })
  isProblem(t, 'TRANSACTION_EARLY', await bring('01'))
})

t.test('what the model refuses has the form of its interface', async t => {
  const { url, view } = await serve(t)
  const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
  const refused = async (code: ProblemCode, body: object): Promise<void> => {
    const reply = await ask(`${url}/v1/completions`, { ...init, body: JSON.stringify(body) })
    seen.add(code)
    t.equal(reply.status, problemKinds[code].status, code)
    t.match(reply.headers.get('content-type'), /^application\/json/)
    const told: unknown = JSON.parse(reply.body)
    t.strictSame(check(openAiError, told, { closed: true }), [])
    t.match(told, { error: { code } })
  }
  await refused('INFERENCE_MODEL', { model: 'another' })
  const codes = ['KIND', 'PROMPT', 'BUSY', 'PAUSED', 'LEFT'] as const
  for (const name of codes) {
    view.asked!.failure = new MeshError(`INFERENCE_${name}`, 'so it is', { data: { retrySeconds: 1 } })
    await refused(`INFERENCE_${name}`, {})
  }
})

t.test('every code of the table was seen', async t => {
  t.strictSame(
    Object.keys(problemKinds).filter(code => !seen.has(code as ProblemCode)),
    []
  )
})
