/** The typed signatures: what verifies, and that each field that matters is covered. */
import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const { chainId, keys, keyPairs, validators } = mesh
const other = mesh.digestOf('another mesh')
const { NOTAR, SKIP, FINAL } = wire.VoteKind

t.test('votes', async t => {
  const vote = mesh.voteOf(NOTAR, 'a', 2)
  t.ok(wire.verifyVote(vote, keys, chainId))
  t.notOk(wire.verifyVote(vote, keys, other))
  t.notOk(wire.verifyVote({ ...vote, kind: FINAL }, keys, chainId))
  t.notOk(wire.verifyVote({ ...vote, slot: 6 }, keys, chainId))
  t.notOk(wire.verifyVote({ ...vote, epoch: 1 }, keys, chainId))
  t.notOk(wire.verifyVote({ ...vote, validator: 1 }, keys, chainId))
  t.notOk(wire.verifyVote({ ...vote, validator: 4 }, keys, chainId), 'nobody has this index')
  t.ok(wire.verifyVote(mesh.voteOf(SKIP, ''), keys, chainId))
  t.throws(() => wire.encodeVote({ ...vote, kind: SKIP }), { code: 'INVARIANT' }, 'a skip names no block')
  t.throws(() => wire.encodeVote({ ...vote, validator: 128 }), { code: 'INVARIANT' })
  t.throws(() => wire.encodeVote({ ...vote, slot: 2 ** 32 }), { code: 'INVARIANT' })
})

t.test('attestations', async t => {
  t.ok(wire.verifyAttest(mesh.attest, keys, chainId))
  t.notOk(wire.verifyAttest(mesh.attest, keys, other))
  t.notOk(wire.verifyAttest({ ...mesh.attest, bitmap: Uint8Array.of(7) }, keys, chainId))
  t.notOk(wire.verifyAttest({ ...mesh.attest, setHash: other }, keys, chainId))
  t.notOk(wire.verifyAttest({ ...mesh.attest, validator: 9 }, keys, chainId))
})

t.test('deltas', async t => {
  const delta = mesh.deltaOf(3)
  t.ok(wire.verifyDeltaHeader(delta, chainId))
  t.notOk(wire.verifyDeltaHeader(delta, other))
  const { header, signature } = delta
  t.notOk(wire.verifyDeltaHeader({ header: { ...header, trainer: keys[0]! }, signature }, chainId))
  t.notSame(wire.deltaDigest(header), wire.deltaDigest({ ...header, steps: 9 }))
})

t.test('blocks and transactions', async t => {
  t.ok(wire.verifyBlockSignature(mesh.block, keys[0]!))
  t.notOk(wire.verifyBlockSignature(mesh.block, keys[1]!))
  const { header, signature } = mesh.block
  t.notOk(wire.verifyBlockSignature({ header: { ...header, stateRoot: other }, signature }, keys[0]!))
  t.same(header.bodyHash, wire.bodyHashOf(mesh.block.body))

  t.ok(wire.verifyTransaction(mesh.register, chainId))
  t.notOk(wire.verifyTransaction(mesh.register, other))
  t.notOk(wire.verifyTransaction({ ...mesh.register, label: 'ann' }, chainId))
  t.notOk(wire.verifyTransaction({ ...mesh.register, key: keys[0]! }, chainId))
  for (const label of ['x'.repeat(33), 'é'.repeat(17), 'a\nb', '\u001b[2J', '\u202ereversed', '\ud800']) {
    t.throws(() => wire.signRegister({ key: keys[0]!, label }, chainId, keyPairs[0]!), {
      code: 'LABEL_INVALID'
    })
  }
})

t.test('certificates need a quorum of stake, not of heads', async t => {
  const verify = (certificate: wire.Certificate) => wire.verifyCertificate(certificate, validators, chainId)
  const of = (...by: number[]) =>
    wire.certificateFromVotes(
      by.map(i => mesh.voteOf(FINAL, 'a', i)),
      4
    )
  t.ok(verify(mesh.certificate))
  t.ok(verify(of(3)), 'the fourth alone has nearly all stake')
  t.notOk(verify(of(0, 1, 2)), 'three of four heads')
  t.same(of(3, 0, 3), of(0, 3), 'order and repeats do not matter')
  t.notOk(wire.verifyCertificate(mesh.certificate, validators, other))

  const { signatures, bitmap } = mesh.certificate
  t.notOk(verify({ ...mesh.certificate, signatures: [...signatures].reverse() }))
  t.notOk(verify({ ...mesh.certificate, signatures: [...signatures, signatures[0]!] }))
  t.notOk(
    verify({
      ...mesh.certificate,
      bitmap: Uint8Array.of(bitmap[0]! | 16),
      signatures: [...signatures, signatures[0]!]
    })
  )
  t.notOk(verify({ ...mesh.certificate, bitmap: Uint8Array.of(bitmap[0]!, 0) }), 'a bitmap too long')
  t.notOk(verify({ ...of(3, 0), kind: NOTAR }))
  t.throws(() => wire.certificateFromVotes([mesh.voteOf(FINAL, 'a'), mesh.voteOf(FINAL, 'b', 1)], 4), {
    code: 'INVARIANT'
  })
  t.throws(() => wire.certificateFromVotes([], 4), { code: 'INVARIANT' })
  const noStake = validators.map(({ key }) => ({ key, stake: 0n }))
  t.notOk(wire.verifyCertificate(mesh.certificate, noStake, chainId))
})
