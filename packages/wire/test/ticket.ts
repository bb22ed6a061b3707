import { isFault } from '@gradmesh/core'
import fc from 'fast-check'
import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'
import { ticket as anyTicket } from './fixtures/messages.ts'

const text = wire.encodeTicket(mesh.ticket)
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

t.test('round trip; one word to copy', async t => {
  t.same(wire.decodeTicket(text), mesh.ticket)
  t.match(text, /^gradmesh\d+z[1-9A-HJ-NP-Za-km-z]+$/)
  t.same(wire.decodeTicket(`  ${text.replace(/.{40}/g, '$&\r\n')}\n`), mesh.ticket, 'wrapped by a terminal')
  fc.assert(
    fc.property(anyTicket, ticket => {
      t.same(wire.decodeTicket(wire.encodeTicket(ticket)), ticket)
    }),
    { numRuns: 30 }
  )
})

t.test('every wrong, missing, doubled or swapped letter is a typo', async t => {
  const start = text.indexOf('z') + 1
  for (let i = start; i < text.length; i++) {
    const letter = BASE58[(BASE58.indexOf(text[i]!) + 1 + (i % 57)) % 58]!
    const variants = [
      text.slice(0, i) + letter + text.slice(i + 1),
      text.slice(0, i) + text.slice(i + 1),
      text.slice(0, i) + text[i] + text.slice(i)
    ]
    if (i + 1 < text.length && text[i] !== text[i + 1]) {
      variants.push(text.slice(0, i) + text[i + 1] + text[i] + text.slice(i + 2))
    }
    for (const wrong of variants) {
      if (wrong === text) continue
      const answer = wire.decodeTicket(wrong)
      if (!isFault(answer) || answer.fault !== 'TICKET_TYPO') t.fail(`letter ${i}: ${wrong}`)
    }
  }
  for (const alike of ['0', 'O', 'I', 'l', '+']) {
    t.match(wire.decodeTicket(text.slice(0, -1) + alike), { fault: 'TICKET_TYPO' })
  }
})

t.test('what is not a ticket, and what is one of another version', async t => {
  for (const other of [
    '',
    'hello',
    'gradmesh',
    'gradmesh3',
    'gradmesh3z',
    text.slice(1),
    text.toUpperCase(),
    '/ip4/1.2.3.4/tcp/1'
  ]) {
    t.match(wire.decodeTicket(other), { fault: 'TICKET_PREFIX' }, JSON.stringify(other))
  }
  t.match(wire.decodeTicket(`${text}${'1'.repeat(10_000)}`), { fault: 'TICKET_PREFIX' })
  const next = wire.encodeTicket({ ...mesh.ticket, protocol: 12 })
  t.match(wire.decodeTicket(next), { fault: 'TICKET_PROTOCOL', detail: /protocol 12,.* 3$/ })
  t.match(
    wire.decodeTicket(text.replace('gradmesh3', 'gradmesh4')),
    { fault: 'TICKET_TYPO' },
    'the digit is checked too'
  )
})

t.test('any text: a ticket or a fault', async () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map(tail => `gradmesh3z${tail}`)
      ),
      input => isFault(wire.decodeTicket(input))
    )
  )
)

t.test('expiry', async t => {
  t.notOk(wire.isExpired(mesh.ticket, mesh.ticket.expiresAt - 1))
  t.ok(wire.isExpired(mesh.ticket, mesh.ticket.expiresAt))
})
