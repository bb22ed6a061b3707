import { toHex } from '@gradmesh/core'
import {
  type Evidence,
  type KeyPair,
  type SignedDeltaHeader,
  signDeltaHeader,
  signVote,
  VoteKind
} from '@gradmesh/wire'
import t from 'tap'
import { Evidences } from '../../src/round/evidences.ts'
import { FinalPoint } from '../../src/state/ledger.ts'
import { keysOf, Script, validatorKeys } from '../fixtures/script.ts'

const script = new Script()
const { accounts, root } = script.state
const final = new FinalPoint({ id: toHex(script.chainId), height: 0, root, accounts }, null)

const twoVotes = (keys: KeyPair, slot = 1): Evidence => {
  const vote = (fill: number) =>
    signVote(
      { epoch: 0, slot, kind: VoteKind.NOTAR, blockId: new Uint8Array(32).fill(fill) },
      0,
      script.chainId,
      keys
    )
  return { kind: 'votes', key: keys.publicKey, first: vote(1), second: vote(2) }
}

const twoDeltas = (keys: KeyPair): Evidence => {
  const { header } = script.delta(validatorKeys[0]!)
  const delta = (steps: number): SignedDeltaHeader =>
    signDeltaHeader({ ...header, trainer: keys.publicKey, steps }, script.chainId, keys)
  return { kind: 'deltas', first: delta(1), second: delta(2) }
}

t.test('a flood of contradictions that cost nothing hides no validator', async t => {
  const evidences = new Evidences(script.chainId, script.genesis.epochs)
  for (let i = 0; i < 100; i++) evidences.add(twoDeltas(keysOf(`trainer ${i}`)))
  evidences.add(twoVotes(validatorKeys[1]!))
  t.match(evidences.forBlock(final), [{ kind: 'votes', key: validatorKeys[1]!.publicKey }])
})

t.test('one an offence is kept, and what convicts nobody is forgotten', async t => {
  const evidences = new Evidences(script.chainId, script.genesis.epochs)
  evidences.add(twoVotes(keysOf('nobody')))
  t.strictSame(evidences.forBlock(final), [])
  const proof = twoVotes(validatorKeys[1]!)
  evidences.add(proof)
  evidences.add(twoVotes(validatorKeys[1]!))
  evidences.add(twoDeltas(validatorKeys[2]!))
  t.strictSame(
    evidences.forBlock(final).map(({ kind }) => kind),
    ['votes', 'deltas']
  )
})

t.test('what is kept is bounded', async t => {
  const evidences = new Evidences(script.chainId, script.genesis.epochs)
  for (let slot = 1; slot <= 64; slot++) evidences.add(twoVotes(validatorKeys[1]!, slot))
  evidences.add(twoVotes(validatorKeys[2]!))
  t.equal(evidences.forBlock(final).length, 1, 'of the first alone')
})
