import { toHex, utf8 } from '@gradmesh/core'
import t from 'tap'
import { enclosed, envelopes, messageId } from '../src/libp2p/envelope.ts'

const idOf = (topic: string, data: Uint8Array): string => toHex(messageId({ topic, data }))

t.test('an equal message that is sent again is another one, from whomever', async t => {
  const [ours, theirs] = [envelopes(), envelopes()]
  const message = utf8('a vote')
  const sent = [ours(message), ours(message), theirs(message)]
  t.equal(new Set(sent.map(data => idOf('votes', data))).size, 3)
  for (const data of sent) t.strictSame(enclosed(data), message)
})

t.test('an id is of these bytes in this topic', async t => {
  const data = envelopes()(utf8('a vote'))
  t.equal(idOf('votes', data), idOf('votes', Uint8Array.from(data)))
  t.equal(messageId({ topic: 'votes', data }).length, 20)
  const [first = 0, ...rest] = data
  t.not(idOf('votes', data), idOf('blocks', data))
  t.not(idOf('votes', data), idOf('votes', Uint8Array.of(first ^ 1, ...rest)))
  t.not(idOf('vote', Uint8Array.of(115, ...data)), idOf('votes', data), 'nothing moves from topic to bytes')
})

t.test('bytes without a number enclose nothing', async t => {
  for (let length = 0; length <= 4; length++) t.equal(enclosed(new Uint8Array(length)).length, 0)
})
