import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient, PROBLEM_MEDIA, type Route, routes } from '@gradmesh/api'
import { MeshError, silentLogger as silent } from '@gradmesh/core'
import t from 'tap'
import { createHttpServer, ensureToken, PrometheusMetrics } from '../../src/http/index.ts'
import { authorise } from '../../src/http/token.ts'
import { FakeView } from './fixtures/fake-view.ts'
import { serve } from './fixtures/serve.ts'

const token = 'a-token-of-more-than-thirty-two-letters'
const files = new Map([['/', { body: '<!doctype html>', type: 'text/html' }]])
const bearer = { authorization: `Bearer ${token}` }

t.test('everything but the page needs the token', async t => {
  const { url } = await serve(t, { access: { token, openReads: false }, files })
  for (const { url: path, method, errorForm } of Object.values<Route>(routes)) {
    const address = `${url}${path.replace(/:[a-z]+/, '1')}`
    const without = await fetch(address)
    t.equal(without.status, 401, path)
    t.equal(without.headers.get('www-authenticate'), 'Bearer realm="gradmesh"')
    // Asked by another method than its own, it is no route yet.
    const isOpenAi = errorForm === 'openai' && method === 'GET'
    t.equal(without.headers.get('content-type'), isOpenAi ? 'application/json' : PROBLEM_MEDIA)
    const told = { code: 'HTTP_TOKEN' }
    t.match(await without.json(), isOpenAi ? { error: told } : { ...told, status: 401 })
    const aborted = new AbortController()
    const withToken = await fetch(address, { headers: bearer, signal: aborted.signal })
    t.not(withToken.status, 401, `${path} with the token`)
    aborted.abort()
  }
  t.equal((await fetch(`${url}/nowhere`)).status, 401, 'what is not there is not told apart')
  t.equal((await fetch(`${url}/`)).status, 200, 'the page')
  t.equal((await fetch(`${url}/`, { method: 'HEAD' })).status, 200)
  t.equal((await fetch(`${url}/`, { method: 'POST' })).status, 401)
})

t.test('wrong credentials', async t => {
  const { url } = await serve(t, { access: { token, openReads: false } })
  for (const authorization of [
    token,
    `Basic ${token}`,
    'Bearer',
    `Bearer ${token.slice(1)}`,
    `Bearer ${token}x`,
    `Bearer ${token} ${token}`
  ]) {
    const reply = await fetch(`${url}/v1/status`, { headers: { authorization } })
    t.equal(reply.status, 401, authorization)
  }
  const wrong = await fetch(`${url}/v1/status`, { headers: { authorization: 'Bearer other' } })
  t.equal(wrong.headers.get('www-authenticate'), 'Bearer realm="gradmesh", error="invalid_token"')
  t.equal((await fetch(`${url}/v1/status`, { headers: { authorization: `bearer  ${token}` } })).status, 200)
})

t.test('open reads: GET and HEAD are free, all else is not', async t => {
  const { url } = await serve(t, { access: { token, openReads: true } })
  t.equal((await fetch(`${url}/v1/status`)).status, 200)
  t.equal((await fetch(`${url}/v1/status`, { method: 'HEAD' })).status, 200)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    t.equal((await fetch(`${url}/v1/status`, { method })).status, 401, method)
    t.equal((await fetch(`${url}/v1/status`, { method, headers: bearer })).status, 405, `${method}: no route`)
  }
})

t.test('only these routes take anything', async t => {
  const written = Object.values<Route>(routes).filter(({ method }) => method !== 'GET')
  t.strictSame(
    written.map(({ method, url }) => `${method} ${url}`),
    ['POST /v1/transactions', 'POST /v1/completions', 'POST /v1/embeddings'],
    'a new one is for docs/SECURITY.md to argue'
  )
})

t.test('the Host list and the cross-site rule hold with the token too', async t => {
  const { url } = await serve(t, { access: { token, openReads: true } })
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${url}/v1/status`, { headers: { ...bearer, ...headers } })).status
  t.equal(await ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }), 403)
  const reply = await fetch(`${url}/v1/status`, { headers: { ...bearer, origin: 'http://evil.example' } })
  for (const name of reply.headers.keys()) t.notMatch(name, /^access-control/, name)
  t.equal(authorise('GET', undefined, undefined), undefined, 'on loopback there is no token')
})

t.test('without a token no address but loopback is served', async t => {
  const options = { port: 0, view: new FakeView(), metrics: new PrometheusMetrics(), logger: silent }
  await t.rejects(createHttpServer({ ...options, host: '0.0.0.0' }), { code: 'HTTP_TOKEN_MISSING' })
  await t.rejects(createHttpServer({ ...options, host: '::' }), { code: 'HTTP_TOKEN_MISSING' })
})

t.test('the typed client sends it, for streams too', async t => {
  const { url } = await serve(t, { access: { token, openReads: false } })
  t.equal((await createClient(url, { token }).status()).height, 42)
  for await (const { event } of createClient(url, { token }).events()) {
    t.equal(event.type, 'status')
    break
  }
  await t.rejects(createClient(url).status(), { code: 'HTTP_TOKEN' })
})

t.test('the token file', async t => {
  const path = join(t.testdir(), 'http-token')
  const told: string[] = []
  const tell = (message: string) => void told.push(message)
  const made = await ensureToken(path, tell)
  t.match(made, /^[\w-]{43}$/)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal(await ensureToken(path, tell), made, 'the same the next time')
  t.strictSame(told, [])
  await chmod(path, 0o644)
  t.equal(await ensureToken(path, tell), made)
  t.equal((await stat(path)).mode & 0o777, 0o600, 'closed again')
  t.match(told, [/could be read by other users.*0644/])
  for (const text of ['', 'short', 'with a blank between its many letters']) {
    await writeFile(path, text)
    await t.rejects(ensureToken(path, tell), { code: 'HTTP_TOKEN_FILE' }, text)
  }
  t.equal(await readFile(path, 'utf8'), 'with a blank between its many letters', 'it is left as it is')
  await t.rejects(ensureToken(join(t.testdir(), 'no', 'folder'), tell), MeshError)
})
