/** What the fixed binary forms refuse, each by its name. */
import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const changed = (bytes: Uint8Array, at: number, ...values: number[]) => {
  const copy = Uint8Array.from(bytes)
  copy.set(values, at)
  return copy
}

t.test('votes', async t => {
  const bytes = wire.encodeVote(mesh.voteOf(wire.VoteKind.SKIP, ''))
  t.equal(bytes.length, 110)
  t.match(wire.decodeVote(bytes.subarray(1)), { fault: 'WIRE_TYPE' })
  t.match(wire.decodeVote(bytes.subarray(0, 3)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeVote(bytes.subarray(0, 109)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeVote(Uint8Array.of(...bytes, 0)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeVote(changed(bytes, 1, 0)), { fault: 'WIRE_RANGE' })
  t.match(wire.decodeVote(changed(bytes, 1, 4)), { fault: 'WIRE_RANGE' })
  t.match(wire.decodeVote(changed(bytes, 12, 1)), { fault: 'WIRE_PADDING' }, 'a skip that names a block')
  t.match(wire.decodeVote(changed(bytes, 44, 128)), { fault: 'WIRE_RANGE' })
})

t.test('certificates', async t => {
  const bytes = wire.encodeCertificate(mesh.certificate)
  t.equal(bytes.length, 44 + 1 + 1 + 2 * 64)
  t.match(wire.decodeCertificate(changed(bytes, 44, 17)), { fault: 'WIRE_BOUNDS' })
  t.match(wire.decodeCertificate(changed(bytes, 44, 0)), { fault: 'WIRE_RANGE' }, 'nobody signed')
  t.match(wire.decodeCertificate(changed(bytes, 45, 0)), { fault: 'WIRE_RANGE' })
  t.match(wire.decodeCertificate(changed(bytes, 45, 0b1011)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeCertificate(bytes.subarray(0, -64)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeCertificate(bytes.subarray(0, 44)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeCertificate(bytes.subarray(0, 45)), { fault: /WIRE_(RANGE|LENGTH)/ })
  t.throws(() => wire.encodeCertificate({ ...mesh.certificate, signatures: [] }), { code: 'INVARIANT' })
})

t.test('attestations', async t => {
  const bytes = wire.encodeAttest(mesh.attest)
  t.equal(bytes.length, 78 + 1 + 66)
  t.match(wire.decodeAttest(changed(bytes, 1, 1)), { fault: 'WIRE_PADDING' })
  t.match(wire.decodeAttest(changed(bytes, 76, 2)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeAttest(changed(bytes, 76, 1, 8)), { fault: 'WIRE_BOUNDS' })
  t.match(wire.decodeAttest(changed(bytes, 79, 128)), { fault: 'WIRE_RANGE' })
  t.match(wire.decodeAttest(bytes.subarray(0, 80)), { fault: 'WIRE_LENGTH' })
})

t.test('deltas', async t => {
  const delta = mesh.deltaOf(3)
  const bytes = wire.encodeSignedDelta(delta)
  t.equal(bytes.length, wire.SIGNED_DELTA_HEADER_BYTES + mesh.payload.length)
  t.equal(wire.SIGNED_DELTA_HEADER_BYTES, 176)
  t.match(wire.decodeSignedDelta(changed(bytes, 1, 1)), { fault: 'WIRE_PADDING' })
  t.match(wire.decodeSignedDelta(changed(bytes, 8, 0)), { fault: 'WIRE_RANGE' }, 'no steps')
  t.match(wire.decodeSignedDelta(changed(bytes, 10, 1)), { fault: 'WIRE_RANGE' }, 'too many')
  t.match(wire.decodeSignedDelta(changed(bytes, 12, 0)), { fault: 'WIRE_BOUNDS' }, 'no payload')
  t.match(wire.decodeSignedDelta(changed(bytes, 15, 0xff)), { fault: 'WIRE_BOUNDS' }, 'an announced 4 GiB')
  t.match(wire.decodeSignedDelta(bytes.subarray(0, -1)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeSignedDelta(changed(bytes, bytes.length - 1, 0)), { fault: 'WIRE_HASH' })
  t.throws(() => wire.encodeSignedDelta({ ...delta, payload: delta.payload.subarray(1) }), {
    code: 'INVARIANT'
  })
})

t.test('lists of announcements', async t => {
  const one = wire.encodeSignedDeltaHeader(mesh.deltaOf(3))
  t.same(wire.decodeSignedDeltaHeaders(new Uint8Array(0)), [])
  t.match(wire.decodeSignedDeltaHeaders(Uint8Array.of(...one, 0)), { fault: 'WIRE_LENGTH' })
  t.match(wire.decodeSignedDeltaHeaders(Uint8Array.of(...one, ...changed(one, 0, 1))), { fault: 'WIRE_TYPE' })
  const flood = new Uint8Array((wire.BOUNDS.trainersMax + 1) * wire.SIGNED_DELTA_HEADER_BYTES)
  t.match(wire.decodeSignedDeltaHeaders(flood), { fault: 'WIRE_BOUNDS' })
})
