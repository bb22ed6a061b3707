import { sha256, u32 } from '@gradmesh/core'
import {
  type Block,
  type BlockBody,
  type BlockHeader,
  bitmapOf,
  keyPairFromSeed,
  signAttest,
  signRegister,
  validateGenesis
} from '@gradmesh/wire'
import t from 'tap'
import { applyBlock } from '../src/apply.ts'
import { TXS_PER_BLOCK_MAX } from '../src/transactions.ts'
import { validateBlock } from '../src/validate.ts'
import {
  attestAll,
  attestBody,
  blockOf,
  bodyOf,
  doubleVote,
  emptyBody,
  held,
  keysOf,
  makeDelta,
  worldOf
} from './fixtures/world.ts'

const world = worldOf()
const { genesis, chainId, start, validators } = world
const leader = validators[0]!.publicKey
const deltas = [0, 1, 3].map(i => makeDelta(world, start, validators[i]!))
const first = blockOf(world, start, null, bodyOf(world, start, deltas))
const { state } = applyBlock({
  genesis,
  layout: world.layout,
  parent: start,
  block: first,
  deltas: held(...deltas)
})
const parentHeader = first.header
const newer = [0, 1, 3].map(i => makeDelta(world, state, validators[i]!))
const good = bodyOf(world, state, newer)

const faultOf = (block: Block, parent = state, header: BlockHeader | null = parentHeader): string | null =>
  validateBlock({ genesis, chainId, parent, parentHeader: header, leader, block })?.fault ?? null

const withHeader = (change: Partial<BlockHeader>): Block => blockOf(world, state, parentHeader, good, change)
const withBody = (change: Partial<BlockBody>): Block =>
  blockOf(world, state, parentHeader, { ...good, ...change })

t.test('good blocks', async t => {
  t.equal(validateGenesis(genesis), null)
  t.equal(faultOf(first, start, null), null)
  t.equal(faultOf(withBody({})), null)
  t.equal(faultOf(withHeader({ slot: 9 })), null, 'slots may be skipped')
  t.equal(faultOf(blockOf(world, state, parentHeader, emptyBody)), null)
  t.equal(faultOf(blockOf(world, state, parentHeader, bodyOf(world, state, []))), null, 'nobody delivered')
  const txs = [signRegister({ key: keysOf('new').publicKey, label: 'new' }, chainId, keysOf('new'))]
  t.equal(faultOf(withBody({ txs, evidence: [doubleVote(world, 2), doubleVote(world, 1)] })), null)
})

const other = sha256(u32(7))
const headerCases: [string, Partial<BlockHeader>][] = [
  ['LEDGER_CHAIN', { chainId: other }],
  ['LEDGER_EPOCH', { epoch: 1 }],
  ['LEDGER_HEIGHT', { height: 3 }],
  ['LEDGER_HEIGHT', { height: 1 }],
  ['LEDGER_PARENT', { parentId: chainId }],
  ['LEDGER_SLOT', { parentSlot: 0 }],
  ['LEDGER_SLOT', { slot: 1 }],
  ['LEDGER_ROUND', { round: 0 }],
  ['LEDGER_ROUND', { round: 2 }],
  ['LEDGER_TRANSCRIPT_ROOT', { transcriptRoot: other }],
  ['LEDGER_STATE_ROOT', { stateRoot: start.root }],
  ['LEDGER_VALIDATOR_SET', { validatorSetHash: other }],
  ['LEDGER_RULES', { rulesHash: other }],
  ['LEDGER_REVEAL', { reveal: other }]
]
for (const [code, change] of headerCases) {
  t.equal(faultOf(withHeader(change)), code, `${code}: ${Object.keys(change)}`)
}

const sound = withBody({})
t.equal(faultOf({ ...sound, header: { ...sound.header, protocol: 4 } }), 'LEDGER_PROTOCOL')
t.equal(faultOf({ ...sound, body: bodyOf(world, state, newer.slice(1)) }), 'LEDGER_BODY_HASH')
t.equal(faultOf(blockOf(world, state, parentHeader, good, {}, validators[1]!)), 'LEDGER_LEADER')
t.equal(
  faultOf(blockOf(world, start, null, bodyOf(world, start, deltas), { parentId: other }), start, null),
  'LEDGER_PARENT'
)

t.test('a block without attestations is empty altogether', async t => {
  const txs = [signRegister({ key: keysOf('new').publicKey, label: '' }, chainId, keysOf('new'))]
  for (const change of [
    { deltas: good.deltas },
    { txs },
    { evidence: [doubleVote(world, 1)] },
    { keys: [{ trainer: 0, key: other }] },
    { scores: [{ validator: 0, trainer: 0, score: 1 }] }
  ]) {
    const block = blockOf(world, state, parentHeader, { ...emptyBody, ...change })
    t.equal(faultOf(block), 'LEDGER_NOT_EMPTY', Object.keys(change)[0]!)
  }
})

t.test('after the last round only empty blocks follow', async t => {
  const ended = worldOf({ end: { rounds: 1 } })
  const delta = makeDelta(ended, ended.start, validators[0]!)
  const last = blockOf(ended, ended.start, null, bodyOf(ended, ended.start, [delta]))
  const common = { genesis: ended.genesis, chainId: ended.chainId, leader }
  t.equal(validateBlock({ ...common, parent: ended.start, parentHeader: null, block: last }), null)
  const { state: parent } = applyBlock({ ...ended, parent: ended.start, block: last, deltas: held(delta) })
  const next = (body: BlockBody) =>
    validateBlock({
      ...common,
      parent,
      parentHeader: last.header,
      block: blockOf(ended, parent, last.header, body)
    })?.fault
  t.equal(next(bodyOf(ended, parent, [])), 'LEDGER_ENDED')
  t.equal(next(emptyBody), undefined)
})

t.test('plain mode has neither keys nor scores', async t => {
  t.equal(faultOf(withBody({ keys: [{ trainer: 0, key: other }] })), 'LEDGER_KEYS')
  t.equal(faultOf(withBody({ scores: [{ validator: 0, trainer: 0, score: 1 }] })), 'LEDGER_SCORES')
})

t.test('attestations', async t => {
  const sound = attestBody(state, [0, 1, 3])
  const by = (i: number, change = {}) => signAttest({ ...sound, ...change }, i, chainId, validators[i]!)
  const all = [0, 1, 2, 3].map(i => by(i))
  const swap = (attest = by(1)) => faultOf(withBody({ attests: [all[0]!, attest, all[2]!, all[3]!] }))
  t.equal(swap(), null)
  t.equal(swap(all[0]!), 'LEDGER_ATTEST_ORDER', 'one validator twice')
  t.equal(faultOf(withBody({ attests: [...all].reverse() })), 'LEDGER_ATTEST_ORDER')
  t.equal(swap({ ...by(1), validator: 4 }), 'LEDGER_ATTEST_ORDER', 'no such validator')
  t.equal(swap(by(1, { epoch: 1 })), 'LEDGER_ATTEST_EPOCH')
  t.equal(swap(by(1, { round: 0 })), 'LEDGER_ATTEST_ROUND')
  t.equal(swap(by(1, { base: start.root })), 'LEDGER_ATTEST_BASE')
  t.equal(swap(by(1, { setHash: other })), 'LEDGER_ATTEST_SET')
  t.equal(swap(by(1, { bitmap: Uint8Array.of(11, 0) })), 'LEDGER_ATTEST_BITMAP', 'too long')
  t.equal(swap(by(1, { bitmap: Uint8Array.of(11 + 16) })), 'LEDGER_ATTEST_BITMAP', 'no such trainer')
  t.equal(swap({ ...by(1), signature: by(2).signature }), 'LEDGER_ATTEST_SIGNATURE')
  t.equal(swap({ ...by(2), validator: 1 }), 'LEDGER_ATTEST_SIGNATURE', 'under another name')
  t.equal(faultOf(withBody({ attests: all.slice(0, 2) })), 'LEDGER_ATTEST_QUORUM')
  t.equal(faultOf(withBody({ attests: all.slice(0, 3) })), null, 'three quarters are a quorum')
})

t.test('two thirds exactly are no quorum, a third exactly names nothing', async t => {
  const three = worldOf({}, [100n, 100n, 100n])
  const delta = makeDelta(three, three.start, three.validators[0]!)
  const answer = (attesters: readonly number[], holders: readonly number[], names: boolean) => {
    const attests = attesters.map(i =>
      signAttest(
        attestBody(three.start, holders.includes(i) ? [0] : []),
        i,
        three.chainId,
        three.validators[i]!
      )
    )
    const body = { ...bodyOf(three, three.start, names ? [delta] : []), attests }
    const block = blockOf(three, three.start, null, body)
    return validateBlock({ ...three, parent: three.start, parentHeader: null, leader, block })?.fault ?? null
  }
  t.equal(answer([0, 1], [0, 1], true), 'LEDGER_ATTEST_QUORUM')
  t.equal(answer([0, 1, 2], [0], true), 'LEDGER_DELTAS_UNATTESTED')
  t.equal(answer([0, 1, 2], [0], false), null)
  t.equal(answer([0, 1, 2], [0, 1], true), null)
  t.equal(answer([0, 1, 2], [0, 1], false), 'LEDGER_DELTAS_DROPPED')
})

t.test('exactly the attested deltas', async t => {
  const [a, b, c] = good.deltas
  t.equal(faultOf(withBody({ deltas: [a!, c!] })), 'LEDGER_DELTAS_DROPPED')
  t.equal(
    faultOf(withBody({ deltas: [a!, b!, { trainer: 2, digest: other }, c!] })),
    'LEDGER_DELTAS_UNATTESTED'
  )
  t.equal(
    faultOf(withBody({ deltas: [a!, b!, c!, { trainer: 4, digest: other }] })),
    'LEDGER_DELTAS_UNATTESTED'
  )
  t.equal(faultOf(withBody({ deltas: [b!, a!, c!] })), 'LEDGER_DELTAS_ORDER')
  t.equal(
    faultOf(withBody({ deltas: [a!, b!, { ...b!, digest: other }, c!] })),
    'LEDGER_DELTAS_ORDER',
    'two of one trainer'
  )
})

t.test('transactions', async t => {
  const registration = (name: string) =>
    signRegister({ key: keysOf(name).publicKey, label: name }, chainId, keysOf(name))
  const many = Array.from({ length: TXS_PER_BLOCK_MAX + 1 }, (_, i) => registration(`new ${i}`))
  t.equal(faultOf(withBody({ txs: many })), 'LEDGER_TXS_COUNT')
  t.equal(faultOf(withBody({ txs: many.slice(1) })), null)
  t.equal(faultOf(withBody({ txs: [registration('validator 1')] })), 'LEDGER_TX_KNOWN')
  t.equal(faultOf(withBody({ txs: [many[0]!, many[0]!] })), 'LEDGER_TX_KNOWN', 'twice in one block')
  t.equal(faultOf(withBody({ txs: [{ ...many[0]!, label: 'other' }] })), 'LEDGER_TX_SIGNATURE')
  const elsewhere = signRegister({ key: keysOf('x').publicKey, label: '' }, other, keysOf('x'))
  t.equal(faultOf(withBody({ txs: [elsewhere] })), 'LEDGER_TX_SIGNATURE', 'signed for another mesh')
  const full = {
    ...state,
    accounts: { ...state.accounts, trainers: new Array(16_384).fill(state.accounts.trainers[0]) }
  }
  const body = { ...emptyBody, attests: attestAll(world, full, []), txs: [many[0]!] }
  t.equal(faultOf(blockOf(world, full, parentHeader, body), full), 'LEDGER_TX_FULL')
})

t.test('evidence', async t => {
  const proof = doubleVote(world, 1)
  if (proof.kind !== 'votes') return t.fail()
  t.equal(faultOf(withBody({ evidence: [{ ...proof, second: proof.first }] })), 'LEDGER_EVIDENCE')
  const forged = { ...proof, second: { ...proof.second, signature: proof.first.signature } }
  t.equal(faultOf(withBody({ evidence: [forged] })), 'LEDGER_EVIDENCE')
  t.equal(faultOf(withBody({ evidence: [proof, doubleVote(world, 1, 5)] })), 'LEDGER_EVIDENCE_REPEATED')
  const slashed = {
    ...state,
    accounts: {
      ...state.accounts,
      trainers: state.accounts.trainers.map((account, i) =>
        i === 1 ? { ...account, convicted: { epoch: 0, stake: 100n } } : account
      )
    }
  }
  const body = { ...good, evidence: [proof] }
  t.equal(faultOf(blockOf(world, slashed, parentHeader, body), slashed), 'LEDGER_EVIDENCE_REPEATED')
  const poor = keyPairFromSeed(other)
  const joined = {
    ...state,
    accounts: {
      ...state.accounts,
      trainers: [
        ...state.accounts.trainers,
        { ...state.accounts.trainers[0]!, bond: 0n, key: poor.publicKey }
      ]
    }
  }
  const pair = [1, 2].map(steps => makeDelta(world, joined, poor, { steps }).signed)
  const attests = attestAll(world, joined, [])
  const twice = { kind: 'deltas' as const, first: pair[0]!, second: pair[1]! }
  const block = blockOf(world, joined, parentHeader, { ...emptyBody, attests, evidence: [twice] })
  t.equal(faultOf(block, joined), 'LEDGER_EVIDENCE_STAKE')
  t.strictSame(bitmapOf(5, []), attests[0]!.bitmap)
})
