/**
 * Every fault at the door and its verdict. What is rejected here costs the neighbour that passed it on:
 * so the second half shows that no honest peer that is early, late or ahead can ever send such a thing.
 */
import { leaderOf } from '@gradmesh/consensus'
import { Prng, sha256 } from '@gradmesh/core'
import type { GossipHandler, Net, Verdict } from '@gradmesh/net'
import { createMemoryHub } from '@gradmesh/net/memory'
import {
  type Attest,
  type AttestBody,
  type Block,
  bitmapOf,
  type DeltaHeader,
  encodeAttest,
  encodeBlock,
  encodeCertificate,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  encodeTransaction,
  encodeVote,
  type KeyPair,
  type SignedDelta,
  signAttest,
  signBlock,
  signDeltaHeader,
  signRegister,
  signVote,
  trainerSetHash,
  VoteKind
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import type { Context } from '../src/context.ts'
import { openDoor } from '../src/door.ts'
import type { FaultCode } from '../src/faults.ts'
import { Attesting } from '../src/round/attesting.ts'
import type { DeltaPool } from '../src/round/delta-pool.ts'
import { Driver } from '../src/round/driver.ts'
import type { Evidences } from '../src/round/evidences.ts'
import { TransactionPool } from '../src/round/transaction-pool.ts'
import { FinalPoint, Ledger } from '../src/state/ledger.ts'
import { type Topics, topicsOf } from '../src/topics.ts'
import { idle, makeFollowing, makeNode } from './fixtures/node.ts'
import { keysOf, Script, validatorKeys } from './fixtures/script.ts'

type Said = readonly [verdict: Verdict, code: FaultCode | 'none']

interface Door {
  readonly pool: DeltaPool
  readonly evidences: Evidences
  say(topic: keyof Topics, bytes: Uint8Array, from?: string): Promise<Said>
}

const ROUNDS = 3
const FIRST = validatorKeys[0]!
const nobody = keysOf('nobody')

/** The door of a peer that follows `script`. */
const doorOf = async (t: Test, script: Script): Promise<Door> => {
  const node = await makeNode(script, createMemoryHub(), keysOf('the peer'))
  t.teardown(() => node.close())
  await script.store(node.chain)
  const handlers = new Map<string, GossipHandler>()
  const net: Net = Object.assign(Object.create(node.net) as Net, {
    subscribe: (topic: string, _: unknown, handler: GossipHandler) => void handlers.set(topic, handler),
    peers: () => []
  })
  const context: Context = { ...node.context, net }
  const { head, final, evidences, pool } = await makeFollowing(context, script.written.at(-1)?.block.header)
  const ledger = new Ledger(context, pool, final, head, 0)
  const attesting = new Attesting(context, pool, final)
  const driver = new Driver(context, {
    ledger,
    evidences,
    ...idle
  })
  const parts = { ledger, pool, driver, attesting, transactions: new TransactionPool(context) }
  openDoor(context, () => parts)
  return {
    pool,
    evidences,
    async say(topic, bytes, from = 'a neighbour') {
      const before = context.faults.totals()
      const verdict = await handlers.get(context.topics[topic].name)!(bytes, from)
      const news = Object.entries(context.faults.totals()).find(
        ([code, count]) => count !== before[code as FaultCode]
      )
      return [verdict, (news?.[0] as FaultCode | undefined) ?? 'none']
    }
  }
}

const resigned = (
  script: Script,
  { header, payload }: SignedDelta,
  keys: KeyPair,
  change: Partial<DeltaHeader>,
  content = payload
): Uint8Array => {
  const all = {
    ...header,
    trainer: keys.publicKey,
    payloadBytes: content.length,
    payloadHash: sha256(content),
    ...change
  }
  return encodeSignedDelta({ ...signDeltaHeader(all, script.chainId, keys), payload: content })
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy.set([copy.at(at)! ^ 1], at < 0 ? copy.length + at : at)
  return copy
}

const attestOf = (
  script: Script,
  change: Partial<AttestBody> = {},
  by = 1,
  keys = validatorKeys[by]!
): Attest => {
  const { accounts, root } = script.state
  const trainers = accounts.trainers.map(({ key }) => key)
  const body = {
    epoch: 0,
    round: accounts.round,
    base: root,
    setHash: trainerSetHash(trainers),
    bitmap: bitmapOf(trainers.length, [0, 1]),
    ...change
  }
  return signAttest(body, by, script.chainId, keys)
}

t.test('deltas', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const delta = script.delta(FIRST)
  const { round } = delta.header
  const bytes = encodeSignedDelta(delta)
  const nan = new Uint8Array(delta.payload.length).fill(0xff)
  const cases: [string, Uint8Array, Said][] = [
    ['nothing', new Uint8Array(0), ['reject', 'WIRE_LENGTH']],
    ['another message', new Uint8Array(500).fill(0xee), ['reject', 'WIRE_TYPE']],
    [
      'another protocol',
      resigned(script, delta, FIRST, {}).map((b, i) => (i === 2 ? 9 : b)),
      ['ignore', 'WIRE_PROTOCOL']
    ],
    [
      'a broken signature',
      encodeSignedDelta({ ...delta, signature: flipped(delta.signature, 5) }),
      ['reject', 'WIRE_SIGNATURE']
    ],
    ['another payload', flipped(bytes, -1), ['reject', 'WIRE_HASH']],
    ['NaN bit patterns', resigned(script, delta, FIRST, {}, nan), ['reject', 'DELTA_SCALE']],
    [
      'a payload cut short',
      resigned(script, delta, FIRST, {}, delta.payload.slice(0, 3)),
      ['reject', 'DELTA_LENGTH']
    ],
    [
      'a payload too long',
      resigned(script, delta, FIRST, {}, new Uint8Array(100_000)),
      ['reject', 'LEDGER_DELTA_BYTES']
    ],
    ['no steps', resigned(script, delta, FIRST, { steps: 0 }), ['reject', 'WIRE_RANGE']],
    [
      'more steps than a round has',
      resigned(script, delta, FIRST, { steps: 5 }),
      ['reject', 'LEDGER_DELTA_STEPS']
    ],
    [
      'another base',
      resigned(script, delta, FIRST, { base: new Prng('base').bytes(32) }),
      ['reject', 'LEDGER_DELTA_BASE']
    ],
    ['an author who is no trainer', resigned(script, delta, nobody, {}), ['reject', 'LEDGER_DELTA_TRAINER']],
    ['a round that is over', resigned(script, delta, FIRST, { round: round - 1 }), ['ignore', 'DELTA_STALE']],
    ['a round to come', resigned(script, delta, FIRST, { round: round + 1 }), ['ignore', 'DELTA_EARLY']],
    ['a far round', resigned(script, delta, FIRST, { round: 4_000_000_000 }), ['ignore', 'DELTA_EARLY']],
    ['what it should be', bytes, ['accept', 'none']],
    ['the same again', bytes, ['ignore', 'DELTA_KNOWN']],
    [
      'held, with a broken signature',
      encodeSignedDelta({ ...delta, signature: flipped(delta.signature, 5) }),
      ['reject', 'WIRE_SIGNATURE']
    ],
    ['a second one', resigned(script, delta, FIRST, { steps: 1 }), ['ignore', 'DELTA_TWICE']],
    ['a third one', resigned(script, delta, FIRST, { steps: 2 }), ['ignore', 'DELTA_TWICE']]
  ]
  for (const [what, bytes, said] of cases) t.strictSame(await door.say('deltas', bytes), said, what)
  const proofs = door.evidences.forBlock(
    new FinalPoint({ id: '', height: 0, root: script.state.root, accounts: script.state.accounts }, null)
  )
  t.match(proofs, [{ kind: 'deltas' }], 'two deltas of a validator are a proof against it')
  t.equal(door.pool.headersOf(round).length, 2, 'the third one was not kept')
})

t.test('announcements', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const { header } = script.delta(FIRST)
  const announced = (change: Partial<DeltaHeader>, keys = FIRST): Uint8Array =>
    encodeSignedDeltaHeader(
      signDeltaHeader({ ...header, trainer: keys.publicKey, ...change }, script.chainId, keys)
    )
  const cases: [string, Uint8Array, Said][] = [
    [
      'a payload that no such model has',
      announced({ payloadBytes: 32 * 1024 * 1024 }),
      ['reject', 'LEDGER_DELTA_BYTES']
    ],
    ['by no trainer', announced({}, nobody), ['reject', 'LEDGER_DELTA_TRAINER']],
    ['a broken signature', flipped(announced({}), -1), ['reject', 'WIRE_SIGNATURE']],
    ['a round that is over', announced({ round: 0 }), ['ignore', 'DELTA_STALE']],
    ['one to pull', announced({}), ['ignore', 'none']],
    ['the same again while it is pulled', announced({}), ['ignore', 'DELTA_KNOWN']]
  ]
  for (const [what, bytes, said] of cases) t.strictSame(await door.say('announcements', bytes), said, what)
})

t.test('votes, certificates, blocks', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const past = script.written.at(-1)!
  const block = script.next(script.roundBody([script.delta(FIRST)]))
  const { header, body } = block
  const vote = { epoch: 0, slot: header.slot, kind: VoteKind.SKIP, blockId: new Uint8Array(32) }
  const signed = (by: number, keys: KeyPair): Uint8Array =>
    encodeVote(signVote(vote, by, script.chainId, keys))
  const voteIn = (slot: number): Uint8Array =>
    encodeVote(signVote({ ...vote, slot }, 1, script.chainId, validatorKeys[1]!))
  const certificate = encodeCertificate(script.certify(block, VoteKind.NOTAR))
  const by = (keys: KeyPair, slot: number): Block => signBlock({ ...header, slot }, body, keys)
  const leading = (slot: number): KeyPair =>
    validatorKeys[
      leaderOf({ validators: [...script.genesis.validators], leaderSeed: script.genesis.seed }, slot)
    ]!
  const ofNext = (slot: number): Uint8Array =>
    encodeBlock(signBlock({ ...header, epoch: 1, slot }, body, leading(slot)))
  const cases: [keyof Topics, string, Uint8Array, Said][] = [
    ['votes', 'a vote', signed(1, validatorKeys[1]!), ['accept', 'none']],
    ['votes', 'the same again', signed(1, validatorKeys[1]!), ['ignore', 'VOTE_KNOWN']],
    ['votes', 'of a slot that was just over', voteIn(header.slot - 1), ['accept', 'none']],
    ['votes', 'of a slot far away', voteIn(1_000_000), ['ignore', 'VOTE_EARLY']],
    ['votes', 'under the index of another', signed(2, validatorKeys[1]!), ['reject', 'WIRE_SIGNATURE']],
    ['votes', 'under the index of nobody', signed(100, validatorKeys[1]!), ['reject', 'WIRE_SIGNATURE']],
    ['certificates', 'forged', flipped(certificate, -1), ['reject', 'WIRE_SIGNATURE']],
    ['certificates', 'a certificate', certificate, ['accept', 'none']],
    ['certificates', 'of a slot that is over', encodeCertificate(past.certificate), ['ignore', 'VOTE_PAST']],
    ['blocks', 'not by the leader', encodeBlock(by(nobody, header.slot)), ['reject', 'BLOCK_LEADER']],
    ['blocks', 'with another body', flipped(encodeBlock(block), -1), ['reject', 'WIRE_HASH']],
    ['blocks', 'of a slot that is over', encodeBlock(past.block), ['ignore', 'BLOCK_PAST']],
    ['blocks', 'of a slot far away', encodeBlock(by(nobody, 1_000_000)), ['ignore', 'BLOCK_EARLY']],
    ['blocks', 'of the next epoch, below its slots', ofNext(header.slot), ['ignore', 'BLOCK_PAST']],
    ['blocks', 'of the next epoch', ofNext(header.slot + 4096), ['accept', 'none']],
    ['blocks', 'of the next epoch, far away', ofNext(header.slot + 4200), ['ignore', 'BLOCK_EARLY']],
    ['blocks', 'a block', encodeBlock(block), ['accept', 'none']],
    ['blocks', 'the same again', encodeBlock(block), ['ignore', 'BLOCK_KNOWN']]
  ]
  for (const [topic, what, bytes, said] of cases) {
    const answer = await door.say(topic, bytes)
    // Where a flip falls decides which check of the encoding finds it.
    if (what === 'with another body') t.equal(answer[0], 'reject', `${topic}: ${what} (${answer[1]})`)
    else t.strictSame(answer, said, `${topic}: ${what}`)
  }
  const leader = leading(header.slot)
  const second = signBlock({ ...header, height: header.height + 1 }, body, leader)
  const third = signBlock({ ...header, height: header.height + 2 }, body, leader)
  t.strictSame(await door.say('blocks', encodeBlock(second)), ['accept', 'none'], 'a second block is a proof')
  t.strictSame(await door.say('blocks', encodeBlock(third)), ['ignore', 'BLOCK_TWICE'], 'a third is not kept')
})

t.test('attestations and transactions', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const { round } = script.state.accounts
  const set = trainerSetHash([nobody.publicKey])
  const register = signRegister({ key: nobody.publicKey, label: 'new' }, script.chainId, nobody)
  const known = signRegister({ key: FIRST.publicKey, label: 'again' }, script.chainId, FIRST)
  const cases: [keyof Topics, string, Uint8Array, Said][] = [
    ['attests', 'by another', encodeAttest(attestOf(script, {}, 1, nobody)), ['reject', 'WIRE_SIGNATURE']],
    ['attests', 'of another epoch', encodeAttest(attestOf(script, { epoch: 1 })), ['reject', 'ATTEST_EPOCH']],
    ['attests', 'late', encodeAttest(attestOf(script, { round: round - 1 })), ['ignore', 'ATTEST_STALE']],
    [
      'attests',
      'far too early',
      encodeAttest(attestOf(script, { round: round + 3 })),
      ['ignore', 'ATTEST_EARLY']
    ],
    [
      'attests',
      'over another registry',
      encodeAttest(attestOf(script, { setHash: set })),
      ['ignore', 'ATTEST_SET']
    ],
    [
      'attests',
      'with bits for nobody',
      encodeAttest(attestOf(script, { bitmap: Uint8Array.of(0xff) })),
      ['ignore', 'ATTEST_BITMAP']
    ],
    [
      'attests',
      'with too many bytes',
      encodeAttest(attestOf(script, { bitmap: new Uint8Array(9) })),
      ['ignore', 'ATTEST_BITMAP']
    ],
    ['attests', 'an attestation', encodeAttest(attestOf(script)), ['accept', 'none']],
    ['attests', 'the same again', encodeAttest(attestOf(script)), ['ignore', 'ATTEST_KNOWN']],
    ['attests', 'early', encodeAttest(attestOf(script, { round: round + 1 })), ['accept', 'none']],
    [
      'attests',
      'early, the same again',
      encodeAttest(attestOf(script, { round: round + 1 })),
      ['ignore', 'ATTEST_KNOWN']
    ],
    [
      'transactions',
      'forged',
      encodeTransaction({ ...register, label: 'other' }),
      ['reject', 'WIRE_SIGNATURE']
    ],
    ['transactions', 'of one who is registered', encodeTransaction(known), ['ignore', 'TX_KNOWN']],
    ['transactions', 'a registration', encodeTransaction(register), ['accept', 'none']],
    ['transactions', 'the same again', encodeTransaction(register), ['ignore', 'TX_KNOWN']],
    [
      'transactions',
      'another one at once by the same',
      encodeTransaction(signRegister({ key: nobody.publicKey, label: 'newer' }, script.chainId, nobody)),
      ['ignore', 'TX_KNOWN']
    ]
  ]
  for (const [topic, what, bytes, said] of cases)
    t.strictSame(await door.say(topic, bytes), said, `${topic}: ${what}`)
})

t.test('what honest peers say is never rejected, however far this one is behind or ahead', async t => {
  const ahead = new Script().grow(ROUNDS)
  const said: [keyof Topics, Uint8Array][] = []
  for (let rounds = 0; rounds <= ROUNDS; rounds++) {
    const then = new Script().grow(rounds)
    for (const [i, keys] of validatorKeys.entries()) {
      const delta = then.delta(keys)
      said.push(['deltas', encodeSignedDelta(delta)], ['announcements', encodeSignedDeltaHeader(delta)])
      said.push(['attests', encodeAttest(attestOf(then, {}, i))])
    }
  }
  for (const { block, certificate } of ahead.written)
    said.push(['blocks', encodeBlock(block)], ['certificates', encodeCertificate(certificate)])
  for (let rounds = 0; rounds <= ROUNDS; rounds++) {
    const door = await doorOf(t, new Script().grow(rounds))
    const answers: Said[] = []
    for (const [topic, bytes] of said) answers.push(await door.say(topic, bytes))
    t.strictSame(
      answers.filter(([verdict]) => verdict === 'reject'),
      [],
      `${answers.length} messages at a peer with ${rounds} of ${ROUNDS} rounds`
    )
    t.ok(answers.some(([verdict]) => verdict === 'accept'))
  }
})

t.test('what somebody else repeats goes on only so often, and in the end costs its bringer', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const block = encodeBlock(script.next(script.roundBody([script.delta(FIRST)])))
  const { burst } = topicsOf(script.chainId).blocks.budget
  const verdicts: Record<Verdict, number> = { accept: 0, ignore: 0, reject: 0 }
  const startedMs = performance.now()
  for (let i = 0; i < burst + 200; i++) verdicts[(await door.say('blocks', block, 'repeater'))[0]]++
  const seconds = (performance.now() - startedMs) / 1000
  t.ok(verdicts.accept <= 1 + 2 * seconds, `${verdicts.accept} of ${burst + 200} passed on in ${seconds} s`)
  t.ok(verdicts.reject > 10 || seconds > 2, `${verdicts.reject} rejected: ten put a peer out`)
})

t.test('votes of slots long over are heard, for their author waits, and go no further', async t => {
  const door = await doorOf(t, new Script().grow(10))
  const script = new Script()
  const vote = (slot: number): Uint8Array =>
    encodeVote(
      signVote(
        { epoch: 0, slot, kind: VoteKind.SKIP, blockId: new Uint8Array(32) },
        1,
        script.chainId,
        validatorKeys[1]!
      )
    )
  t.strictSame(await door.say('votes', vote(1)), ['ignore', 'VOTE_PAST'])
  t.strictSame(await door.say('votes', vote(2)), ['accept', 'none'])
})

t.test('a flood of what is merely ignored costs its bringer in the end, and nobody else', async t => {
  const script = new Script().grow(ROUNDS)
  const door = await doorOf(t, script)
  const known = encodeTransaction(signRegister({ key: FIRST.publicKey, label: '' }, script.chainId, FIRST))
  const { burst } = topicsOf(script.chainId).transactions.budget
  const floods = burst + 200
  let rejected = 0
  for (let i = 0; i < floods; i++) {
    const [verdict] = await door.say('transactions', known, 'flooder')
    if (verdict === 'reject') rejected++
  }
  t.ok(rejected > 10, `${rejected} of ${floods} rejected: ten put a peer out`)
  t.strictSame(await door.say('transactions', known, 'flooder'), ['reject', 'GOSSIP_FLOOD'])
  t.strictSame(await door.say('transactions', known), ['ignore', 'TX_KNOWN'])
  const vote = encodeVote(
    signVote(
      { epoch: 0, slot: 1, kind: VoteKind.SKIP, blockId: new Uint8Array(32) },
      1,
      script.chainId,
      validatorKeys[1]!
    )
  )
  const [verdict] = await door.say('votes', vote, 'flooder')
  t.not(verdict, 'reject', 'each topic has a budget of its own')
})
