import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const { chainId, keys } = mesh
const { NOTAR, SKIP, FINAL } = wire.VoteKind
const verdict = (evidence: wire.Evidence) => wire.verifyEvidence(evidence, chainId)

const votes = (first: wire.Vote, second: wire.Vote, key = keys[1]!) =>
  verdict({ kind: 'votes', key, first, second })

t.test('votes that convict', async t => {
  const ben = { key: keys[1], at: { epoch: 0 } }
  for (const [first, second] of [
    [mesh.voteOf(NOTAR, 'a', 1), mesh.voteOf(NOTAR, 'b', 1)],
    [mesh.voteOf(FINAL, 'a', 1), mesh.voteOf(FINAL, 'b', 1)],
    [mesh.voteOf(FINAL, 'a', 1), mesh.voteOf(SKIP, '', 1)]
  ] as const) {
    t.same(votes(first, second), ben)
    t.same(votes(second, first), ben, 'in either order')
  }
})

t.test('votes that do not', async t => {
  const notar = mesh.voteOf(NOTAR, 'a', 1)
  t.match(votes(notar, notar), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(votes(notar, mesh.voteOf(FINAL, 'a', 1)), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(votes(notar, mesh.voteOf(SKIP, '', 1)), { fault: 'EVIDENCE_NO_CONTRADICTION' }, 'slow, not false')
  t.match(votes(notar, mesh.voteOf(NOTAR, 'b', 1, 6)), { fault: 'EVIDENCE_NO_CONTRADICTION' }, 'two slots')
  t.match(votes(notar, mesh.voteOf(NOTAR, 'b', 2)), { fault: 'EVIDENCE_SIGNATURE' }, 'by two keys')
  t.match(votes(notar, mesh.voteOf(NOTAR, 'b', 1), keys[2]!), { fault: 'EVIDENCE_SIGNATURE' }, 'by another')
  const later = wire.signVote({ ...mesh.voteOf(NOTAR, 'b', 1), epoch: 1 }, 1, chainId, mesh.keyPairs[1]!)
  t.match(votes(notar, later), { fault: 'EVIDENCE_NO_CONTRADICTION' }, 'two epochs')
  const renumbered = { ...mesh.voteOf(NOTAR, 'b', 1), validator: 100 }
  t.match(votes(notar, renumbered), { key: keys[1] }, 'an index is not signed, and hides nobody')
})

t.test('two blocks of one slot', async t => {
  const [first, second] = [mesh.emptyBlockOf('a'), mesh.emptyBlockOf('b')]
  const blocks = (b: wire.Block, key = keys[0]!) => verdict({ kind: 'blocks', key, first, second: b })
  t.same(blocks(second), { key: keys[0], at: { epoch: 0 } })
  t.match(blocks(first), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(blocks(mesh.emptyBlockOf('b', 0, 6)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(blocks(mesh.emptyBlockOf('b', 1)), { fault: 'EVIDENCE_SIGNATURE' }, 'by two leaders')
  t.match(blocks(second, keys[2]!), { fault: 'EVIDENCE_SIGNATURE' }, 'not by the accused')
  const abroad = wire.signBlock(
    { ...second.header, chainId: mesh.digestOf('x') },
    second.body,
    mesh.keyPairs[0]!
  )
  t.match(blocks(abroad), { fault: 'EVIDENCE_UNRELATED' })
})

t.test('two deltas of one round', async t => {
  const deltas = (first: wire.SignedDelta, second: wire.SignedDelta) =>
    verdict({ kind: 'deltas', first, second })
  const [first, second] = [mesh.deltaOf(3), mesh.deltaOf(3, 9)]
  t.same(deltas(first, second), { key: keys[1], at: { round: 3 } })
  t.match(deltas(first, first), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(deltas(first, mesh.deltaOf(4)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(deltas(first, mesh.deltaOf(3, 9, 3)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(deltas(first, { ...second, signature: first.signature }), { fault: 'EVIDENCE_SIGNATURE' })
  t.same(wire.accusedOf(mesh.evidence[1]!), keys[0])
  t.same(wire.accusedOf(mesh.evidence[2]!), keys[1])
})
