import { MeshError } from '@gradmesh/core'
import t from 'tap'
import { createClient, makeProblem, PROBLEM_MEDIA } from '../src/index.ts'

const answering = (body: BodyInit, init: ResponseInit = {}) => {
  const asked: string[] = []
  const fake = (async (url: string) => {
    asked.push(url)
    return new Response(body, init)
  }) as typeof fetch
  return { asked, client: createClient('http://peer:1/', { fetch: fake }) }
}

const healthy = JSON.stringify({ healthy: true, reason: 'fine' })

t.test('builds addresses from the table', async t => {
  const { asked, client } = answering(healthy)
  await client.health()
  await t.rejects(
    client.block({ height: 7 }),
    { code: 'API_REPLY' },
    'an answer of another route is no answer'
  )
  await client.peers({ state: 'graylisted' }).catch(() => {})
  await client.blocks({ from: 9, limit: 2 }).catch(() => {})
  await client.blocks().catch(() => {})
  await client.delta({ digest: 'a/../b?c' }).catch(() => {})
  t.strictSame(asked, [
    'http://peer:1/healthz',
    'http://peer:1/v1/blocks/7',
    'http://peer:1/v1/peers?state=graylisted',
    'http://peer:1/v1/blocks?from=9&limit=2',
    'http://peer:1/v1/blocks',
    'http://peer:1/v1/deltas/a%2F..%2Fb%3Fc'
  ])
})

t.test('what a POST brings goes in its body', async t => {
  const sent: unknown[] = []
  const fake = (async (url: string, { method, body, headers }: RequestInit) => {
    sent.push(url, method, body, new Headers(headers).get('content-type'))
    return new Response(JSON.stringify({ id: 'a'.repeat(64), height: 1, epoch: 0, round: 1 }))
  }) as typeof fetch
  const client = createClient('http://peer:1/', { fetch: fake, token: 'secret' })
  t.match(await client.submit({ transaction: '01' }), { height: 1 })
  t.strictSame(sent, ['http://peer:1/v1/transactions', 'POST', '{"transaction":"01"}', 'application/json'])
})

t.test("a problem document becomes an error with the peer's code and remedy", async t => {
  const body = JSON.stringify(makeProblem('BLOCK_UNKNOWN', 'no block 7'))
  const { client } = answering(body, { status: 404, headers: { 'content-type': PROBLEM_MEDIA } })
  const error = await client.block({ height: 7 }).catch((cause: unknown) => cause)
  t.type(error, MeshError)
  t.match(error, {
    code: 'BLOCK_UNKNOWN',
    message: 'no block 7',
    remedy: /\/v1\/status/,
    data: { status: 404 }
  })
})

t.test('whatever else answers is not believed', async t => {
  for (const body of ['', '<html>', 'null', '[]', '{"healthy":false,"reason":""}', '{"healthy":true}'])
    await t.rejects(answering(body).client.health(), { code: 'API_REPLY' }, JSON.stringify(body))
  await t.rejects(answering('<html>', { status: 502 }).client.health(), { code: 'API_REPLY' })
  const newer = JSON.stringify({ healthy: true, reason: 'fine', added: 'later' })
  t.match(await answering(newer).client.health(), { healthy: true }, 'but a newer peer may say more')
})

t.test('an answer without an end is cut', async t => {
  const endless = new ReadableStream({
    pull: controller => controller.enqueue(new Uint8Array(1 << 20).fill(32))
  })
  await t.rejects(answering(endless).client.health(), { code: 'API_REPLY' })
  const endlessEvent = new ReadableStream({
    pull: controller => controller.enqueue(new TextEncoder().encode(`data: ${'x'.repeat(1 << 16)}\n`))
  })
  await t.rejects(answering(endlessEvent).client.events().next(), { code: 'API_REPLY' })
})

t.test('nobody there, and no answer in time', async t => {
  await t.rejects(createClient('http://127.0.0.1:1').status(), {
    code: 'API_UNREACHABLE',
    remedy: /gradmesh up/
  })
  await t.rejects(createClient('http://127.0.0.1:1').events().next(), { code: 'API_UNREACHABLE' })
  const never = ((_url: string, { signal }: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason))
    )) as typeof fetch
  // A timer of `AbortSignal.timeout` does not keep the process alive.
  const alive = setTimeout(() => {}, 5_000)
  await t.rejects(createClient('http://peer', { fetch: never, timeoutMs: 20 }).status(), {
    code: 'API_TIMEOUT'
  })
  clearTimeout(alive)
})

t.test('events end when the signal says so', async t => {
  const abort = new AbortController()
  const waiting = new ReadableStream({
    start: controller => abort.signal.addEventListener('abort', () => controller.error(abort.signal.reason))
  })
  const stream = answering(waiting).client.events({ signal: abort.signal })
  const next = stream.next()
  abort.abort()
  t.match(await next, { done: true })
})

t.test('an event that is not as agreed is an error', async t => {
  const { client } = answering('event: round\ndata: {"type":"round"}\n\n')
  await t.rejects(client.events().next(), { code: 'API_REPLY' })
})
