import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const { chainId, keys } = mesh
const { NOTAR, SKIP, FINAL } = wire.VoteKind
const trainers = [keys[3]!, keys[1]!]

const verdict = (evidence: wire.Evidence, leader: wire.LeaderKeyOfSlot | undefined = undefined) =>
  wire.verifyEvidence(evidence, keys, trainers, leader, chainId)

const votes = (first: wire.Vote, second: wire.Vote) => verdict({ kind: 'votes', first, second })

t.test('votes that convict', async t => {
  const ben = { kind: 'validator', index: 1, key: keys[1] }
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
  t.match(votes(notar, mesh.voteOf(NOTAR, 'b', 2)), { fault: 'EVIDENCE_UNRELATED' })
  const forged = { ...mesh.voteOf(NOTAR, 'b', 2), validator: 1 }
  t.match(votes(notar, forged), { fault: 'EVIDENCE_SIGNATURE' })
  t.match(votes(forged, notar), { fault: 'EVIDENCE_SIGNATURE' })
  const unknown = { ...notar, validator: 100 }
  t.match(votes(unknown, { ...unknown, blockId: mesh.digestOf('b') }), { fault: 'EVIDENCE_UNKNOWN' })
})

t.test('two blocks of one slot', async t => {
  const [first, second] = [mesh.emptyBlockOf('a'), mesh.emptyBlockOf('b')]
  const ann = { kind: 'validator', index: 0, key: keys[0] }
  const blocks = (b: wire.Block, leader?: wire.LeaderKeyOfSlot) =>
    verdict({ kind: 'blocks', first, second: b }, leader)
  t.same(blocks(second), ann)
  t.same(
    blocks(second, slot => (slot === 5 ? keys[0] : undefined)),
    ann
  )
  t.match(blocks(first), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(blocks(mesh.emptyBlockOf('b', 0, 6)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(blocks(mesh.emptyBlockOf('b', 1)), { fault: 'EVIDENCE_SIGNATURE' }, 'by two leaders')
  t.match(
    blocks(second, () => keys[2]),
    { fault: 'EVIDENCE_SIGNATURE' },
    'not by the leader of the slot'
  )
  t.match(
    blocks(second, () => undefined),
    { fault: 'EVIDENCE_UNKNOWN' }
  )
  const abroad = wire.signBlock(
    { ...second.header, chainId: mesh.digestOf('x') },
    second.body,
    mesh.keyPairs[0]!
  )
  t.match(blocks(abroad), { fault: 'EVIDENCE_UNRELATED' })
  const outsider = wire.verifyEvidence(
    { kind: 'blocks', first, second },
    [keys[1]!],
    [],
    () => keys[0],
    chainId
  )
  t.match(outsider, { fault: 'EVIDENCE_UNKNOWN' })
})

t.test('two deltas of one round', async t => {
  const deltas = (first: wire.SignedDelta, second: wire.SignedDelta) =>
    verdict({ kind: 'deltas', first, second })
  const [first, second] = [mesh.deltaOf(3), mesh.deltaOf(3, 9)]
  t.same(deltas(first, second), { kind: 'trainer', index: 1, key: keys[1] })
  t.match(deltas(first, first), { fault: 'EVIDENCE_NO_CONTRADICTION' })
  t.match(deltas(first, mesh.deltaOf(4)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(deltas(first, mesh.deltaOf(3, 9, 3)), { fault: 'EVIDENCE_UNRELATED' })
  t.match(deltas(first, { ...second, signature: first.signature }), { fault: 'EVIDENCE_SIGNATURE' })
  t.match(deltas(mesh.deltaOf(3, 10, 0), mesh.deltaOf(3, 9, 0)), { fault: 'EVIDENCE_UNKNOWN' })
})
