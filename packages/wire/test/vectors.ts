/** Committed bytes of every message: what one build wrote, every later build of this protocol reads and writes. */
import { readFileSync } from 'node:fs'
import { fromHex, isFault } from '@gradmesh/core'
import t from 'tap'
import * as wire from '../src/index.ts'
import { current, readable, samples } from './fixtures/vectors.ts'

const committed: ReturnType<typeof current> = JSON.parse(
  readFileSync(new URL('vectors/messages.json', import.meta.url), 'utf8')
)

t.test('this build writes the committed bytes', async t => {
  const now = current()
  t.equal(committed.protocol, wire.PROTOCOL_VERSION)
  t.same(
    committed.messages.map(({ name }) => name),
    now.messages.map(({ name }) => name)
  )
  now.messages.forEach((message, i) => {
    t.same(message, committed.messages[i], message.name)
  })
  t.same(now.ticket, committed.ticket)
  t.same(now.ids, committed.ids)
})

t.test('this build reads them', async t => {
  for (const [i, { name, bytes, message }] of committed.messages.entries()) {
    const decoded = samples[i]![3](fromHex(bytes)!)
    t.notOk(isFault(decoded), name)
    t.same(readable(decoded), message, name)
  }
  t.same(readable(wire.decodeTicket(committed.ticket.text)), committed.ticket.message)
})
