import t from 'tap'
import { inspect, isHostServed } from '../../src/http/guard.ts'

t.test('on loopback, only names that nobody else can own', async t => {
  const rule = { host: '127.0.0.1', names: ['peer-1'] }
  for (const host of [
    'localhost',
    'LOCALHOST:4180',
    '127.0.0.1:4180',
    '127.9.9.9',
    '[::1]:80',
    'peer-1:4180'
  ])
    t.ok(isHostServed(host, rule), host)
  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:4180',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.evil.example',
    '127.0.0.1@evil.example',
    '192.168.1.4',
    '0.0.0.0',
    '[::2]',
    '[::1',
    'localhost:4180 ',
    'localhost:x',
    'peer-2'
  ])
    t.notOk(isHostServed(host, rule), String(host))
})

t.test('on other addresses, any address but no foreign name', async t => {
  const rule = { host: '0.0.0.0', names: [] }
  for (const host of ['192.168.1.4:4180', '[fe80::1]', 'localhost', '127.0.0.1'])
    t.ok(isHostServed(host, rule), host)
  for (const host of ['evil.example', 'peer-1']) t.notOk(isHostServed(host, rule), host)
})

t.test('cross-site requests are refused, links and own pages are not', async t => {
  const rule = { host: '127.0.0.1', names: [] }
  const codeOf = (headers: Record<string, string>, method = 'GET'): string | undefined =>
    inspect(method, { host: 'localhost', ...headers }, rule, 100)?.problem.code
  t.equal(codeOf({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }), 'HTTP_CROSS_SITE')
  t.equal(codeOf({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }), 'HTTP_CROSS_SITE')
  t.equal(codeOf({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), undefined)
  t.equal(
    codeOf({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 'POST'),
    'HTTP_CROSS_SITE',
    'a form of another page'
  )
  t.equal(codeOf({ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 'POST'), undefined)
  t.equal(codeOf({ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }), undefined)
  t.equal(codeOf({}), undefined)
})
