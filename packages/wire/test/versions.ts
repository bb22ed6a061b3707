/** Another protocol version is told as such, with both numbers, before anything else about the message. */
import { isFault } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const named = (
  t: Pick<typeof import('tap').t, 'fail' | 'equal' | 'match'>,
  answer: unknown,
  theirs: number
) => {
  if (!isFault(answer)) return t.fail('decoded')
  t.equal(answer.fault, 'WIRE_PROTOCOL')
  t.match(answer.detail, new RegExp(`protocol ${theirs},.* ${wire.PROTOCOL_VERSION}$`))
}

t.test('fixed binary messages carry it in bytes 2 and 3', async t => {
  const delta = mesh.deltaOf(3)
  for (const [bytes, decode] of [
    [wire.encodeVote(mesh.voteOf(1, 'a')), wire.decodeVote],
    [wire.encodeCertificate(mesh.certificate), wire.decodeCertificate],
    [wire.encodeAttest(mesh.attest), wire.decodeAttest],
    [wire.encodeSignedDeltaHeader(delta), wire.decodeSignedDeltaHeader],
    [wire.encodeSignedDelta(delta), wire.decodeSignedDelta]
  ] as const) {
    const other = Uint8Array.from(bytes)
    other.set([0x02, 0x01], 2)
    named(t, decode(other), 258)
    // A later version may be shorter or longer.
    named(t, decode(other.subarray(0, 4)), 258)
    named(t, decode(Uint8Array.of(...other, 1, 2, 3)), 258)
  }
})

t.test('hello, genesis and blocks carry it as a field, whatever else they hold', async t => {
  named(t, wire.decodeHello(dagCbor.encode({ protocol: 2 })), 2)
  named(t, wire.decodeHello(dagCbor.encode({ protocol: 0, more: [1, 2] })), 0)
  named(t, wire.decodeGenesis(dagCbor.encode({ ...mesh.genesis, protocol: 9, news: true })), 9)
  const { header, signature, body } = mesh.block
  const block = {
    header: { ...header, protocol: 2 },
    signature,
    body: { ...body, attests: [], txs: [], evidence: [] }
  }
  named(t, wire.decodeBlock(dagCbor.encode(block)), 2)
  t.match(wire.decodeHello(dagCbor.encode({ protocol: 'one' })), { fault: 'WIRE_SHAPE' })
})

t.test('types are not mistaken for each other', async t => {
  const vote = wire.encodeVote(mesh.voteOf(1, 'a'))
  t.match(wire.decodeAttest(vote), { fault: 'WIRE_TYPE' })
  t.match(wire.decodeCertificate(vote), { fault: 'WIRE_TYPE' })
  t.match(wire.decodeSignedDelta(vote), { fault: 'WIRE_TYPE' })
  t.match(wire.decodeBlock(vote), { fault: /^WIRE_/ })
  t.match(wire.decodeVote(wire.encodeBlock(mesh.block)), { fault: 'WIRE_TYPE' })
  const delta = mesh.deltaOf(3)
  t.match(wire.decodeSignedDelta(wire.encodeSignedDeltaHeader(delta)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeSignedDeltaHeader(wire.encodeSignedDelta(delta)), { fault: 'WIRE_LENGTH' })
})
