/** The judge of simulated meshes does judge: each of its rules is broken once. */
import { sha256, utf8 } from '@gradmesh/core'
import { type Delta, decodeDelta } from '@gradmesh/delta'
import { genesisState, layoutOf } from '@gradmesh/ledger'
import { type Certificate, type Vote, VoteKind } from '@gradmesh/wire'
import t from 'tap'
import { Script, validatorKeys } from '../../../packages/peer/test/fixtures/script.ts'
import { Checker } from './checker.ts'

const { NOTAR, SKIP, FINAL } = VoteKind
const ids = [sha256(utf8('a')), sha256(utf8('b'))] as const
const NONE = new Uint8Array(32)
const script = new Script()
const layout = layoutOf(script.genesis)
const start = genesisState(script.genesis)

const fresh = (liar: number | null = null): Checker =>
  new Checker(script.genesis, layout, start.weights, liar)

const vote = (kind: VoteKind, blockId: Uint8Array, slot = 1): Vote => ({
  epoch: 0,
  slot,
  kind,
  blockId,
  validator: 0,
  signature: NONE
})

const certificate = (kind: VoteKind, blockId: Uint8Array): Certificate => ({
  epoch: 0,
  slot: 1,
  kind,
  blockId,
  bitmap: NONE,
  signatures: []
})

t.test('votes of one validator, in all its lives', async t => {
  const cases: readonly (readonly [string, readonly Vote[], boolean])[] = [
    ['the same again', [vote(NOTAR, ids[0]), vote(NOTAR, ids[0]), vote(FINAL, ids[0])], true],
    ['NOTAR, then SKIP', [vote(NOTAR, ids[0]), vote(SKIP, NONE)], true],
    ['two NOTAR', [vote(NOTAR, ids[0]), vote(NOTAR, ids[1])], false],
    ['SKIP, then FINAL', [vote(NOTAR, ids[0]), vote(SKIP, NONE), vote(FINAL, ids[0])], false],
    ['FINAL of another block', [vote(NOTAR, ids[0]), vote(FINAL, ids[1])], false],
    ['two slots', [vote(NOTAR, ids[0]), vote(NOTAR, ids[1], 2)], true]
  ]
  for (const [name, votes, isFine] of cases) {
    const checker = fresh()
    const judge = (): void => votes.forEach(one => void checker.vote(one))
    if (isFine) t.doesNotThrow(judge, name)
    else t.throws(judge, { name: 'Violation' }, name)
  }
})

t.test('certificates of one slot', async t => {
  const judge =
    (...certificates: readonly Certificate[]) =>
    () => {
      const checker = fresh()
      for (const one of certificates) checker.certificate(one)
    }
  t.doesNotThrow(judge(certificate(NOTAR, ids[0]), certificate(SKIP, NONE)))
  t.doesNotThrow(judge(certificate(NOTAR, ids[0]), certificate(FINAL, ids[0])))
  t.throws(judge(certificate(NOTAR, ids[0]), certificate(NOTAR, ids[1])), { name: 'Violation' })
  t.throws(judge(certificate(SKIP, NONE), certificate(FINAL, ids[0])), { name: 'Violation' })
  t.throws(judge(certificate(NOTAR, ids[0]), certificate(FINAL, ids[1])), { name: 'Violation' })
})

t.test('final chains, roots and what a restart keeps', async t => {
  const checker = fresh()
  checker.final(0, 1, 'x')
  checker.final(1, 1, 'x')
  t.throws(() => checker.final(2, 1, 'y'), { message: /others x/ })
  t.throws(() => checker.restarted(0, 0, true), { message: /lost final blocks/ })
  t.doesNotThrow(() => checker.restarted(0, 0, false), 'a chain that was moved away')
  checker.state(0, 1, 'root', start.accounts)
  t.throws(() => checker.state(1, 1, 'other', start.accounts), { message: /another root/ })
})

t.test('money and slashing', async t => {
  const accounts = (change: Partial<typeof start.accounts>) => ({ ...start.accounts, ...change })
  const slashed = start.accounts.trainers.map((account, i) =>
    i === 1 ? { ...account, bond: account.bond - 5n, slashed: 5n } : account
  )
  t.throws(() => fresh().state(0, 1, 'r', accounts({ burnt: 1n })), { message: /were minted/ })
  t.throws(() => fresh().state(0, 1, 'r', accounts({ trainers: slashed, burnt: 5n })), {
    message: /was slashed/
  })
  t.doesNotThrow(() => fresh(1).state(0, 1, 'r', accounts({ trainers: slashed, burnt: 5n })))
  const paid = start.accounts.trainers.map((account, i) => (i === 0 ? { ...account, balance: 7n } : account))
  t.throws(() => fresh().state(0, 1, 'r', accounts({ trainers: paid, minted: start.accounts.minted + 7n })), {
    message: /at most 0 could be/
  })
})

t.test('weights, computed anew', async t => {
  const deltas = validatorKeys.map((keys, i) => script.delta(keys, 1 + i))
  const { block, state } = script.write(script.roundBody(deltas), deltas)
  const named = deltas.map(({ header, payload }) => {
    const delta = decodeDelta(layout, payload)
    return { trainer: header.trainer, steps: header.steps, delta: delta as Delta }
  })
  const checker = fresh()
  checker.weigh({ block, deltas: named })
  t.doesNotThrow(() => checker.compare(0, state.weights))
  t.notSame(state.weights, start.weights)
  const wrong = state.weights.slice()
  wrong[3]! ^= 1
  t.throws(() => checker.compare(0, wrong), { message: /other weights/ })
  t.throws(() => checker.weigh({ block, deltas: named }), { message: /out of turn/ })
})

t.test('what is given to the mesh, and what is kept', async t => {
  const checker = fresh()
  checker.proposed(0, 1, 'x')
  checker.proposed(0, 1, 'x')
  checker.proposed(1, 1, 'y')
  checker.proposed(0, 2, 'y')
  t.throws(() => checker.proposed(0, 1, 'y'), { message: /two blocks for slot 1/ })
  checker.delta(0, 1, 'x')
  t.throws(() => checker.delta(0, 1, 'y'), { message: /two deltas for round 1/ })
  checker.held(0, [{ what: 'votes', entries: 4, max: 4 }])
  t.throws(() => checker.held(0, [{ what: 'votes', entries: 5, max: 4 }]), {
    message: /keeps 5 votes, at most 4/
  })
})

t.test('progress after healing', async t => {
  t.doesNotThrow(() => fresh().stalled(10, 0))
  t.doesNotThrow(() => fresh(1).stalled(12, 8), 'the liar led most of them')
  t.throws(() => fresh().stalled(11, 0), { name: 'Violation' })
})
